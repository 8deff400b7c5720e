//! x
use collapse_diagnostics::{linalg::*, tensor::Dtype};
use std::time::Instant;
fn main() {
    let mut s = 1u64; let mut nx = || { s ^= s << 13; s ^= s >> 7; s ^= s << 17; ((s >> 40) as f32) / 16777216.0 - 0.5 };
    for dt in [Dtype::BF16, Dtype::F16, Dtype::F32] {
        let n = CHUNK; let w = dt.bytes().unwrap();
        let mut a = vec![]; let mut b = vec![];
        for _ in 0..n { let g = nx()+nx()+nx()+nx(); let x = 0.02*g*1.7; let y = x + 0.0002*(nx()+nx()+nx())*2.0;
            match dt { Dtype::F32 => { a.extend(x.to_le_bytes()); b.extend(y.to_le_bytes()); }
              Dtype::F16 => { a.extend(half::f16::from_f32(x).to_le_bytes()); b.extend(half::f16::from_f32(y).to_le_bytes()); }
              _ => { a.extend(half::bf16::from_f32(x).to_le_bytes()); b.extend(half::bf16::from_f32(y).to_le_bytes()); } } }
        let mut sc = Scratch::default();
        let p = ChunkPair { dtype_before: dt, before: &a, dtype_after: dt, after: &b };
        let all = pair_stats(p, &Boundaries::ALL, &mut sc);
        // windows
        let mut cum = all.keys.below[0]; let mut q = vec![]; let ranks: Vec<u64> = [0.484,0.516,0.89,0.91,0.986].iter().map(|r| (r * n as f64) as u64).collect();
        let mut it = ranks.iter().peekable();
        while let Some(r) = it.peek() { if cum > **r { q.push(0); it.next(); } else { break } }
        for &(k,c) in &all.keys.counts { cum += c as u64; while let Some(r) = it.peek() { if cum > **r { q.push(k); it.next(); } else { break } } }
        let bd = Boundaries::around((q[0],q[1]),(q[2],q[3]),q[4]);
        for lv in [SimdLevel::Portable, SimdLevel::Avx2, SimdLevel::Avx512] { for (nm, bb) in [("win", bd), ("all", Boundaries::ALL), ("none", Boundaries::around((0,0),(0,0),0x7fff))] {
            let reps = if lv == SimdLevel::Portable {5} else {200}; let mut best = f64::MAX;
            for _ in 0..7 { let t = Instant::now(); for _ in 0..reps { std::hint::black_box(pair_stats_on(lv, p, &bb, &mut sc)); } best = best.min(t.elapsed().as_secs_f64()/reps as f64); }
            println!("{dt} {lv} {nm}: {:.3} ns/elem  {:.1} GB/s/thread  {q:?} kept {}", best*1e9/n as f64, (2*w*n) as f64/best/1e9, pair_stats_on(lv,p,&bb,&mut sc).keys.counts.iter().map(|x| x.1).sum::<u32>());
        } }
    }
}

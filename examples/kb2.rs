//! x
use collapse_diagnostics::{deltas::*, reader::*};
use rayon::prelude::*;
use std::{path::Path, time::Instant};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let t = Instant::now();
    let io = if a.get(3).is_some_and(|x| x == "pread") { IoMode::Pread } else { IoMode::Mmap };
    let l = Limits::default();
    let (x, y) = (Checkpoint::open(Path::new(&a[1]), &l, io).unwrap(), Checkpoint::open(Path::new(&a[2]), &l, io).unwrap());
    let n: u64 = x.tensors().values().map(|e| e.bytes).sum::<u64>() * 2;
    println!("open {:.4}", t.elapsed().as_secs_f64());
    for _ in 0..5 {
        let t = Instant::now();
        let u: Vec<_> = [&x, &y].into_iter().flat_map(|c| c.tensors().values().flat_map(move |e| (0..e.bytes.div_ceil(262144)).map(move |i| (c, e, i)))).collect();
        let s: u64 = u.par_iter().map(|(c, e, i)| { let mut b = vec![]; let d = c.read(e, i * 262144, 262144.min((e.bytes - i * 262144) as usize), &mut b).unwrap(); d.as_chunks::<8>().0.iter().fold(0u64, |s, w| s.wrapping_add(u64::from_le_bytes(*w))) }).reduce(|| 0, u64::wrapping_add);
        let c = t.elapsed().as_secs_f64();
        let t = Instant::now();
        let d = compare(&x, &y, &Plan::default(), &()).unwrap();
        let o = t.elapsed().as_secs_f64();
        println!("ceiling {:.1} GB/s ours {:.1} GB/s ratio {:.3} {s} {} {}", n as f64 / c / 1e9, n as f64 / o / 1e9, c / o, d.summary.relative_delta, d.summary.tensors_changed);
    }
    let d = compare(&x, &y, &Plan::default(), &()).unwrap();
    println!("{:?}", d.tensors[0]);
}

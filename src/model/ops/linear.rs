//! A projection whose weights do not change.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Storage, Tensor, bail};

/// `y = x W + b`. The weights are frozen: gradients reach x, and none is worked out for W.
pub(in crate::model) struct Linear {
    /// W as a map from inputs to outputs, `(inputs, outputs)`; a transposed view where it is stored the other way round.
    pub(in crate::model) weight: Tensor,
    /// b, length `outputs`.
    pub(in crate::model) bias: Option<Tensor>,
}

impl Linear {
    /// `x W`, without the bias, for x of `(tokens, inputs)`.
    ///
    /// candle's own backward would form the gradient of W too, which costs as much as the forward pass and is
    /// thrown away. So the product is taken outside of the graph, and only its derivative by x is put in.
    pub(in crate::model) fn product(&self, x: &Tensor) -> Result<Tensor> {
        if !x.track_op() {
            return x.matmul(&self.weight);
        }
        let product = x.detach().matmul(&self.weight)?;
        x.apply_op1(Frozen { weight: self.weight.clone(), product })
    }
}

struct Frozen {
    weight: Tensor,
    product: Tensor,
}

impl CustomOp1 for Frozen {
    fn name(&self) -> &'static str {
        "frozen projection"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        match &*self.product.storage_and_layout().0 {
            Storage::Cpu(storage) => Ok((storage.clone(), self.product.shape().clone())),
            _ => bail!("expected a tensor on the CPU"),
        }
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        gradient.contiguous()?.matmul(&self.weight.t()?).map(Some)
    }
}

// Implements kernels/gating.h; included once a target by kernels/targets, after gemm.inl.

template <Activation kActivation>
void gateRows(const GatedRows& rows) {
  for (std::int64_t row = 0; row < rows.rows; ++row) {
    const float* x = rows.x + row * rows.xStride;
    float* y = rows.y + row * rows.yStride;
    for (std::int64_t n = 0; n < rows.width; n += kLanes) {
      const std::int64_t left = rows.width - n;
      const F32x16 activated = activate<kActivation>(loadUpTo(x + n, left));
      storeUpTo(y + n, mul(activated, loadUpTo(x + rows.width + n, left)), left);
    }
  }
}

inline void gate(const GatedRows& rows) {
  switch (rows.activation) {
    case Activation::kNone:
      gateRows<Activation::kNone>(rows);
      break;
    case Activation::kRelu:
      gateRows<Activation::kRelu>(rows);
      break;
    case Activation::kGelu:
      gateRows<Activation::kGelu>(rows);
      break;
    case Activation::kGeluTanh:
      gateRows<Activation::kGeluTanh>(rows);
      break;
    case Activation::kSilu:
      gateRows<Activation::kSilu>(rows);
      break;
    case Activation::kTanh:
      gateRows<Activation::kTanh>(rows);
      break;
  }
}

inline constexpr GatingKernels kGatingKernels = {gate};

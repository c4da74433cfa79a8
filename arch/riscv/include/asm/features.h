/* Extensions that all harts have which run this kernel. Constant after
 * arch_features_init(). */
#pragma once

#include <stdbool.h>

struct riscv_features {
	bool sstc;
	bool svinval;
	bool svnapot;
	bool svpbmt;
};

extern struct riscv_features riscv_features;

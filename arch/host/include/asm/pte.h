/* The native machine runs the format that ships. */
#pragma once

#include "../../../riscv/include/asm/pte.h"

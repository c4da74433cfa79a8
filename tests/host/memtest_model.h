/*
 * The memory tester's sources a second time, with their accesses going to
 * ram_model.c. The functions and the table get other names, since the first
 * build of them is in the same program; types are shared.
 */
#pragma once

#define memtest_run	    model_memtest_run
#define memtest_find	    model_memtest_find
#define memtest_standard    model_memtest_standard
#define memtest_tests	    model_memtest_tests
#define memtest_ntests	    model_memtest_ntests
#define memtest_mismatch    model_memtest_mismatch
#define memtest_account	    model_memtest_account
#define memtest_hold	    model_memtest_hold
#define memtest_march	    model_memtest_march
#define memtest_march_c	    model_memtest_march_c
#define memtest_march_c1    model_memtest_march_c1
#define memtest_pattern	    model_memtest_pattern
#define memtest_own_address model_memtest_own_address
#define memtest_walk1	    model_memtest_walk1
#define memtest_walk64	    model_memtest_walk64
#define memtest_random	    model_memtest_random

#define MEMTEST_ACCESS <tests/host/ram_model_access.h>

#include <memtest/memtest.h>

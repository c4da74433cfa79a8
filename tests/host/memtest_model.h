/*
 * The memory tester's sources a second time, with their accesses going to
 * ram_model.c. The functions and the table get other names, since the first
 * build of them is in the same program; types are shared.
 */
#pragma once

#define memtest_run	   model_memtest_run
#define memtest_words	   model_memtest_words
#define memtest_cost	   model_memtest_cost
#define memtest_find	   model_memtest_find
#define memtest_profile	   model_memtest_profile
#define memtest_tests	   model_memtest_tests
#define memtest_ntests	   model_memtest_ntests
#define memtest_mismatch   model_memtest_mismatch
#define memtest_account	   model_memtest_account
#define memtest_expel	   model_memtest_expel
#define memtest_random	   model_memtest_random
#define memtest_element	   model_memtest_element
#define memtest_background model_memtest_background
#define memtest_march	   model_memtest_march
#define memtest_march_plan model_memtest_march_plan
#define memtest_databus	   model_memtest_databus
#define memtest_addrbus	   model_memtest_addrbus
#define memtest_modulo	   model_memtest_modulo
#define memtest_move	   model_memtest_move
#define memtest_traffic	   model_memtest_traffic
#define memtest_hammer	   model_memtest_hammer
#define memtest_address	   model_memtest_address
#define memtest_marchca	   model_memtest_marchca
#define memtest_walk1	   model_memtest_walk1
#define memtest_walk64	   model_memtest_walk64
#define memtest_checker	   model_memtest_checker
#define memtest_marchc1	   model_memtest_marchc1
#define memtest_marchc	   model_memtest_marchc
#define memtest_marchss	   model_memtest_marchss
#define memtest_movinv	   model_memtest_movinv
#define memtest_movinv8	   model_memtest_movinv8
#define memtest_movinvr	   model_memtest_movinvr
#define memtest_movinv64   model_memtest_movinv64
#define memtest_sequence   model_memtest_sequence
#define memtest_fade	   model_memtest_fade
#define memtest_hammered   model_memtest_hammered

#define MEMTEST_ACCESS <tests/host/ram_model_access.h>

#include <memtest/memtest.h>

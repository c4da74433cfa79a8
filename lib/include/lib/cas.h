/*
 * The order of a compare-and-swap that makes earlier stores known, for both of its
 * outcomes. gcc 12 takes the fence in front of the swap from the order of the
 * failure, which is no release by itself: with __ATOMIC_RELEASE or __ATOMIC_ACQ_REL
 * and less for the failure there is none on RISC-V, and other harts may see the swap
 * before what it is to publish.
 */
#pragma once

#define CAS_RELEASE __ATOMIC_SEQ_CST

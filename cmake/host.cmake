# Native tests: the portable sources on arch/host, as one program. Of arch/riscv
# comes what has no instruction of its own.
sources(HOST_ONLY arch/host/*.c tests/host/*.c arch/riscv/cache.c
    arch/riscv/fence.c arch/riscv/pte.c)
set(HOST_SOURCES ${PORTABLE} ${HOST_ONLY})
list(TRANSFORM HOST_SOURCES REPLACE "^kernel/" "${CMAKE_SOURCE_DIR}/kernel/")
include(cmake/mutant.cmake)
mutate(HOST_SOURCES)

set(HOST_FLAGS -O1)
if(STRATA_SANITIZE)
    list(APPEND HOST_FLAGS -fsanitize=address,undefined
        -fno-sanitize-recover=all)
endif()
if(STRATA_COVERAGE)
    list(APPEND HOST_FLAGS --coverage)
endif()

# The native machine watches what mm/ frees and flushes (arch/host/machine.c).
set(HOST_LINK -Wl,--wrap=page_free,--wrap=page_free_bulk
    -Wl,--wrap=tlb_flush,--wrap=tlb_flush_new
    -Wl,--wrap=tlb_flush_page
    -Wl,--wrap=tlb_switch,--wrap=tlb_idle_enter,--wrap=tlb_idle_exit)

# Its harts may take turns at any branch of mm/, and of what tasks wait with
# (arch/host/harts.c).
if(NOT STRATA_FUZZ)
    foreach(source ${HOST_SOURCES})
        if(source MATCHES "/(mm|arch/riscv)/[a-z_]*\\.c$" OR
           source MATCHES "/kernel/(sched[a-z_]*|mutex|wait)\\.c$")
            set_source_files_properties(${source} PROPERTIES
                COMPILE_OPTIONS -fsanitize-coverage=trace-pc)
        endif()
    endforeach()
endif()

# Its calls at the end of functions are jumps (mm/slab_hot.c); gcc would put calls
# of the scheduler behind them.
set_source_files_properties(${CMAKE_SOURCE_DIR}/mm/slab_hot.c PROPERTIES
    COMPILE_OPTIONS -O2)

# Most of the time of tests with simulated harts is the model's, which only reads its
# own arrays.
set_source_files_properties(${CMAKE_SOURCE_DIR}/arch/host/mmu_sim.c
    ${CMAKE_SOURCE_DIR}/arch/host/mmu_sim_check.c PROPERTIES
    COMPILE_OPTIONS "-O2;-fno-sanitize=all")

add_library(host_objects OBJECT ${HOST_SOURCES})
target_link_libraries(host_objects PUBLIC strata_flags)
target_compile_options(host_objects PUBLIC ${HOST_FLAGS})
# For tests that build a source once more, with other surroundings:
# #include <memtest/march.c>.
target_include_directories(host_objects PRIVATE ${CMAKE_SOURCE_DIR})
if(STRATA_FUZZ)
    target_compile_options(host_objects PUBLIC -fsanitize=fuzzer-no-link)
endif()

add_executable(unit $<TARGET_OBJECTS:host_objects> tests/unit_main.c)
target_link_libraries(unit PRIVATE strata_flags fdt)
target_compile_options(unit PRIVATE ${HOST_FLAGS})
target_link_options(unit PRIVATE ${HOST_FLAGS} ${HOST_LINK})

# What the C code of others prints here, it must print in the kernel, too.
sources(CCODE tests/ccode/*.c)
add_library(ccode_objects OBJECT EXCLUDE_FROM_ALL ${CCODE})
target_link_libraries(ccode_objects PUBLIC strata_base)
target_compile_options(ccode_objects PRIVATE ${HOST_FLAGS} -ffp-contract=off
    -fno-sanitize=undefined)
add_executable(ccode EXCLUDE_FROM_ALL $<TARGET_OBJECTS:host_objects>
    $<TARGET_OBJECTS:ccode_objects> tests/unit_main.c)
target_link_libraries(ccode PRIVATE strata_flags fdt m)
target_compile_options(ccode PRIVATE ${HOST_FLAGS})
target_link_options(ccode PRIVATE ${HOST_FLAGS} ${HOST_LINK})

# Unit tests with a page table format that no machine has, for what knows none.
sources(ODD arch/host/*.c arch/host/odd/*.c arch/riscv/cache.c arch/riscv/fence.c
    tests/host/libc_malloc.c)
list(APPEND ODD ${PORTABLE})
list(FILTER ODD EXCLUDE REGEX "/tests/unit/test_(pte|arch|tlb|vmalloc|mmio[a-z_]*|fail)\\.c$")
add_executable(unit-odd EXCLUDE_FROM_ALL ${ODD} tests/unit_main.c)
target_include_directories(unit-odd BEFORE PRIVATE arch/host/odd)
target_link_libraries(unit-odd PRIVATE strata_flags)
target_compile_options(unit-odd PRIVATE ${HOST_FLAGS})
target_link_options(unit-odd PRIVATE ${HOST_FLAGS} ${HOST_LINK})

# What faults the memory tests find: the tables of docs/memtest-coverage.md.
sources(COVERAGE_SOURCES tests/host/memtest_model_*.c tests/host/memtest_trials.c
    tests/host/ram_model.c)
add_executable(memtest-coverage EXCLUDE_FROM_ALL ${COVERAGE_SOURCES}
    tests/memtest_coverage.c)
target_link_libraries(memtest-coverage PRIVATE strata_flags)
target_include_directories(memtest-coverage PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(memtest-coverage PRIVATE -O2)

if(STRATA_FUZZ)
    sources(FUZZERS tests/fuzz/*.c)
    foreach(source ${FUZZERS})
        get_filename_component(name ${source} NAME_WE)
        add_executable(${name} ${source} $<TARGET_OBJECTS:host_objects>)
        target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
        target_link_libraries(${name} PRIVATE strata_flags fdt)
        target_compile_options(${name} PRIVATE ${HOST_FLAGS} -fsanitize=fuzzer)
        target_link_options(${name} PRIVATE ${HOST_FLAGS} ${HOST_LINK}
            -fsanitize=fuzzer)
    endforeach()
endif()

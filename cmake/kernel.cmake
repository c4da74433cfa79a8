# The kernel image. Linked twice: the first link gives the addresses of all
# functions, which scripts/ksyms.py turns into the symbol table that panics use;
# the table lies behind the text, so the second link moves no function.
sources(KERNEL_ONLY kernel/*.c libc/*.c arch/riscv/*.c arch/riscv/*.S
    tests/bench/*.c tests/target/*.c)
set(KERNEL_SOURCES ${PORTABLE} ${KERNEL_ONLY})
list(TRANSFORM KERNEL_SOURCES REPLACE "^kernel/" "${CMAKE_SOURCE_DIR}/kernel/")
list(REMOVE_DUPLICATES KERNEL_SOURCES)
include(cmake/mutant.cmake)
mutate(KERNEL_SOURCES)

set(KERNEL_MACHINE -march=rv64imac -misa-spec=2.2 -mabi=lp64 -mcmodel=medany
    --specs=picolibc.specs)
set(KERNEL_LD ${CMAKE_SOURCE_DIR}/arch/riscv/kernel.ld)

add_library(kernel_objects OBJECT ${KERNEL_SOURCES})
target_link_libraries(kernel_objects PUBLIC strata_flags)
# Debug and release differ in checks, not in optimisation: what is tested is
# what runs on the board.
target_compile_options(kernel_objects PUBLIC ${KERNEL_MACHINE} -O2
    -ffunction-sections -fdata-sections
    $<$<COMPILE_LANGUAGE:C>:-Wframe-larger-than=1536>)

set_source_files_properties(${CMAKE_SOURCE_DIR}/arch/riscv/string.c PROPERTIES
    COMPILE_OPTIONS -fno-tree-loop-distribute-patterns)

# Two thirds of the image are tests: they need not be fast, nor need commands, nor
# what starts programs.
set(SMALL ${KERNEL_SOURCES})
list(FILTER SMALL INCLUDE REGEX "/(tests/(unit|target)/|kernel/(cmd|memtest|sys)_|kernel/(exec|files|init|oom|tty)|fs/|lib/(elf|cpio))")
set_source_files_properties(${SMALL} PROPERTIES COMPILE_OPTIONS -Os)

# Hot paths that call nobody: without a frame they take a third less.
set_source_files_properties(${CMAKE_SOURCE_DIR}/mm/slab_hot.c PROPERTIES
    COMPILE_OPTIONS -fomit-frame-pointer)
set_source_files_properties(${CMAKE_SOURCE_DIR}/kernel/sys_process.c PROPERTIES
    COMPILE_OPTIONS "-Os;-fomit-frame-pointer")

# System calls of memory, and faults, are chains of short functions.
sources(MEMORY_CALLS lib/tree.c mm/vma*.c mm/aspace*.c mm/user_*.c mm/umap.c
    mm/pgtable*.c mm/tlb.c arch/riscv/fence.c kernel/sys_mm.c)
set_source_files_properties(${MEMORY_CALLS} PROPERTIES
    COMPILE_OPTIONS -fomit-frame-pointer)

# Hot paths: leaf functions, for which gcc would make stack frames all the same;
# the loop that clears frames is better than memset.
set_source_files_properties(${CMAKE_SOURCE_DIR}/mm/page_alloc.c PROPERTIES
    COMPILE_OPTIONS "-fomit-frame-pointer;-fno-tree-loop-distribute-patterns;-fno-tree-vrp")
set_source_files_properties(${CMAKE_SOURCE_DIR}/mm/fault.c PROPERTIES
    COMPILE_OPTIONS "-fomit-frame-pointer;-fno-tree-loop-distribute-patterns")

# What faults call.
foreach(source kernel/user_trap.c mm/pgtable_slot.c mm/tlb.c mm/user_populate.c)
    set_source_files_properties(${CMAKE_SOURCE_DIR}/${source} PROPERTIES
        COMPILE_OPTIONS -fomit-frame-pointer)
endforeach()

# Code of others: same machine, but our warnings are not its business. Its
# headers come behind the C library's, so that even /usr/include may be named.
# Its printf and scanf know floating point.
set(KERNEL_EXTRA)
set(KERNEL_PRINTF -DPICOLIBC_INTEGER_PRINTF_SCANF)
foreach(pattern ${STRATA_EXTRA_SOURCES})
    get_filename_component(path ${pattern} ABSOLUTE BASE_DIR ${CMAKE_SOURCE_DIR})
    file(GLOB found CONFIGURE_DEPENDS ${path})
    if(NOT found)
        message(FATAL_ERROR "STRATA_EXTRA_SOURCES: there is no ${pattern}")
    endif()
    list(APPEND KERNEL_EXTRA ${found})
endforeach()
if(KERNEL_EXTRA)
    add_library(extra_objects OBJECT ${KERNEL_EXTRA})
    target_link_libraries(extra_objects PUBLIC strata_base)
    target_compile_options(extra_objects PRIVATE ${KERNEL_MACHINE} -O2
        -ffunction-sections -fdata-sections ${STRATA_EXTRA_OPTIONS})
    foreach(folder ${STRATA_EXTRA_INCLUDES})
        target_compile_options(extra_objects PRIVATE
            "SHELL:-idirafter ${folder}")
    endforeach()
    set(KERNEL_EXTRA $<TARGET_OBJECTS:extra_objects>)
    set(KERNEL_PRINTF -DPICOLIBC_DOUBLE_PRINTF_SCANF)
endif()

function(kernel_link target symbols)
    add_executable(${target} $<TARGET_OBJECTS:kernel_objects> ${KERNEL_EXTRA}
        ${symbols})
    target_link_libraries(${target} PRIVATE strata_flags m)
    target_compile_options(${target} PRIVATE ${KERNEL_MACHINE})
    target_link_options(${target} PRIVATE ${KERNEL_MACHINE} -nostartfiles
        ${KERNEL_PRINTF} -T ${KERNEL_LD} -Wl,--gc-sections
        -Wl,--fatal-warnings -Wl,--no-warn-rwx-segments -Wl,--build-id=none)
    set_target_properties(${target} PROPERTIES SUFFIX .elf
        LINK_DEPENDS ${KERNEL_LD})
endfunction()

set(KSYMS ${CMAKE_SOURCE_DIR}/scripts/ksyms.py)
set(KSYMS_RUN ${CMAKE_COMMAND} -E env NM=${CMAKE_NM} /usr/bin/python3 ${KSYMS})
add_custom_command(OUTPUT ksyms_empty.S
    COMMAND ${KSYMS_RUN} ksyms_empty.S DEPENDS ${KSYMS})
kernel_link(kernel_nosyms ${CMAKE_CURRENT_BINARY_DIR}/ksyms_empty.S)
add_custom_command(OUTPUT ksyms.S
    COMMAND ${KSYMS_RUN} $<TARGET_FILE:kernel_nosyms> ksyms.S
    DEPENDS kernel_nosyms ${KSYMS})
kernel_link(kernel ${CMAKE_CURRENT_BINARY_DIR}/ksyms.S)
add_custom_command(TARGET kernel POST_BUILD COMMAND ${KSYMS_RUN} --check
    $<TARGET_FILE:kernel_nosyms> $<TARGET_FILE:kernel>)

add_custom_command(OUTPUT Image
    COMMAND ${CMAKE_OBJCOPY} -O binary $<TARGET_FILE:kernel> Image
    DEPENDS kernel)
add_custom_target(image ALL DEPENDS Image)

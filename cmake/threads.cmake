# Native tests of what harts do at the same time: the portable sources with harts
# that are threads, under ThreadSanitizer. Without those tests that need a
# simulated MMU or interleavings that are drawn.
sources(UNIT_TESTS tests/unit/*.c)
sources(HOST_ONLY arch/host/*.c arch/host/threads/*.c arch/riscv/cache.c
    arch/riscv/fence.c arch/riscv/pte.c tests/host/test_smp.c tests/host/test_alloc_stress.c)
set(THREAD_SOURCES ${PORTABLE} ${HOST_ONLY})
list(REMOVE_ITEM THREAD_SOURCES ${UNIT_TESTS})
list(FILTER THREAD_SOURCES EXCLUDE REGEX "/arch/host/(harts|machine)\\.c$")

add_executable(unit-threads ${THREAD_SOURCES} tests/unit_main.c)
target_link_libraries(unit-threads PRIVATE strata_flags)
target_compile_options(unit-threads PRIVATE -O1 -fsanitize=thread)
target_link_options(unit-threads PRIVATE -fsanitize=thread)

# What mm/ does to cache lines, counted: the same instrumentation, but the calls
# end in tests/traffic/runtime.c. Harts are simulated.
sources(TRAFFIC_SOURCES arch/host/*.c arch/riscv/cache.c arch/riscv/fence.c
    arch/riscv/pte.c tests/traffic/*.c)
list(APPEND TRAFFIC_SOURCES ${PORTABLE})
list(REMOVE_ITEM TRAFFIC_SOURCES ${UNIT_TESTS})
list(FILTER TRAFFIC_SOURCES EXCLUDE REGEX "/arch/host/machine\\.c$")
set(COUNTED ${TRAFFIC_SOURCES})
list(FILTER COUNTED INCLUDE REGEX "/(mm/[a-z_]*|planted)\\.c$")
list(REMOVE_ITEM TRAFFIC_SOURCES ${COUNTED})

add_library(counted OBJECT ${COUNTED})
target_link_libraries(counted PRIVATE strata_flags)
# As the kernel is: with checks, locks would write more than they need to.
target_compile_options(counted PRIVATE -O2 -fsanitize=thread -USTRATA_DEBUG)
add_executable(unit-traffic ${TRAFFIC_SOURCES} $<TARGET_OBJECTS:counted>
    tests/unit_main.c)
target_link_libraries(unit-traffic PRIVATE strata_flags)
target_compile_options(unit-traffic PRIVATE -O1)
# So that the addresses that it prints are those of the file.
target_link_options(unit-traffic PRIVATE -no-pie)

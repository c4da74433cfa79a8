# Native tests: the portable sources on arch/host, as one program.
sources(HOST_ONLY arch/host/*.c tests/host/*.c)

set(HOST_FLAGS -O1)
if(STRATA_SANITIZE)
    list(APPEND HOST_FLAGS -fsanitize=address,undefined
        -fno-sanitize-recover=all)
endif()
if(STRATA_COVERAGE)
    list(APPEND HOST_FLAGS --coverage)
endif()

add_library(host_objects OBJECT ${PORTABLE} ${HOST_ONLY})
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
target_link_options(unit PRIVATE ${HOST_FLAGS})

if(STRATA_FUZZ)
    sources(FUZZERS tests/fuzz/*.c)
    foreach(source ${FUZZERS})
        get_filename_component(name ${source} NAME_WE)
        add_executable(${name} ${source} $<TARGET_OBJECTS:host_objects>)
        target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
        target_link_libraries(${name} PRIVATE strata_flags fdt)
        target_compile_options(${name} PRIVATE ${HOST_FLAGS} -fsanitize=fuzzer)
        target_link_options(${name} PRIVATE ${HOST_FLAGS} -fsanitize=fuzzer)
    endforeach()
endif()

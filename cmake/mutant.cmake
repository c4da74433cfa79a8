# STRATA_MUTANT=name: build with one known bug planted (tests/mutants.py has the
# table). The file it is in is replaced by a mutated copy in the build directory;
# the sources stay as they are and know nothing of it.
set(STRATA_MUTANT "" CACHE STRING "plant this bug (tests/mutants.py --list)")

function(mutate var)
    if(NOT STRATA_MUTANT)
        return()
    endif()
    set(script ${CMAKE_SOURCE_DIR}/tests/mutants.py)
    set(folder ${CMAKE_BINARY_DIR}/mutant)
    execute_process(
        COMMAND /usr/bin/python3 ${script} --make ${STRATA_MUTANT} ${folder}
        OUTPUT_VARIABLE file OUTPUT_STRIP_TRAILING_WHITESPACE
        COMMAND_ERROR_IS_FATAL ANY)
    set(found ${${var}})
    list(TRANSFORM found REPLACE "^${CMAKE_SOURCE_DIR}/${file}$"
        "${folder}/${STRATA_MUTANT}/${file}")
    if(found STREQUAL "${${var}}")
        message(FATAL_ERROR "mutant ${STRATA_MUTANT}: ${file} is not built here")
    endif()
    # What stands beside it is included from there.
    get_filename_component(beside ${CMAKE_SOURCE_DIR}/${file} DIRECTORY)
    set_source_files_properties(${folder}/${STRATA_MUTANT}/${file} PROPERTIES
        INCLUDE_DIRECTORIES ${beside})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
        ${script} ${CMAKE_SOURCE_DIR}/${file})
    set(${var} ${found} PARENT_SCOPE)
endfunction()

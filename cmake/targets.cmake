# nsai_library(NAME SOURCES... [LIBRARIES...]): one static library a folder, included from the root as "folder/x.hpp".
function(nsai_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_library(nsai_${name} STATIC ${arg_SOURCES})
  target_include_directories(nsai_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(nsai_${name} PUBLIC ${arg_LIBRARIES})
endfunction()

# What the tests labelled asan and tsan need built; scripts/test builds these and not `all` under a sanitizer.
add_custom_target(tests_asan)
add_custom_target(tests_tsan)

# Sets what every ctest entry has, and adds TARGETS to tests_asan and tests_tsan by the labels.
# TIMEOUT is in seconds; it is a bound against hangs, never a measurement.
function(nsai_describe_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "TARGETS;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
  foreach(sanitizer asan tsan)
    if(sanitizer IN_LIST arg_LABELS AND arg_TARGETS)
      add_dependencies(tests_${sanitizer} ${arg_TARGETS})
    endif()
  endforeach()
endfunction()

# nsai_test(NAME SOURCES... [LIBRARIES...] [LABELS...] [TIMEOUT n]): one doctest program, one ctest entry.
# Labels with a meaning:
#   asan                        runs under the address sanitizer; every test has it unless it has one of the next three
#   no-asan, e2e-slow, bench    runs in release only
#   tsan                        runs under the thread sanitizer too; for what has threads and does not touch CAF
function(nsai_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LIBRARIES;LABELS" ${ARGN})
  add_executable(test_${name} ${arg_SOURCES} ${PROJECT_SOURCE_DIR}/tests/support/main.cpp)
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(test_${name} PRIVATE ${arg_LIBRARIES} doctest::doctest)
  target_compile_definitions(test_${name} PRIVATE NSAI_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  if(NOT "no-asan" IN_LIST arg_LABELS AND NOT "e2e-slow" IN_LIST arg_LABELS AND NOT "bench" IN_LIST arg_LABELS)
    list(APPEND arg_LABELS asan)
    list(REMOVE_DUPLICATES arg_LABELS)
  endif()
  add_test(NAME ${name} COMMAND test_${name})
  nsai_describe_test(${name} TARGETS test_${name} LABELS ${arg_LABELS} TIMEOUT ${arg_TIMEOUT})
  # The last line of tests/support/main.cpp turns a program that could run nothing into a skip.
  set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "\\[nsai\\] every test was skipped")
endfunction()

# nsai_script_test(NAME COMMAND... [TARGETS...] [LABELS...] [TIMEOUT n]): a ctest entry that runs a script. TARGETS are
# the programs it needs, `$<TARGET_FILE:nsai>` names one in COMMAND. It runs under a sanitizer only where LABELS say so.
# Exit status 77 says that it cannot run here and counts as a skip.
function(nsai_script_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "COMMAND;TARGETS;LABELS" ${ARGN})
  add_test(NAME ${name} COMMAND ${arg_COMMAND})
  nsai_describe_test(${name} TARGETS ${arg_TARGETS} LABELS ${arg_LABELS} TIMEOUT ${arg_TIMEOUT})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77)
endfunction()

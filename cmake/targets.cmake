# nsai_library(NAME SOURCES... [LIBRARIES...]): one static library a folder, included from the root as "folder/x.hpp".
function(nsai_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_library(nsai_${name} STATIC ${arg_SOURCES})
  target_include_directories(nsai_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(nsai_${name} PUBLIC ${arg_LIBRARIES})
endfunction()

# nsai_test(NAME SOURCES... [LIBRARIES...] [LABELS...] [TIMEOUT n]): one doctest program, one ctest entry.
# TIMEOUT is in seconds; it is a bound against hangs, never a measurement.
function(nsai_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LIBRARIES;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(test_${name} ${arg_SOURCES} ${PROJECT_SOURCE_DIR}/tests/support/main.cpp)
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(test_${name} PRIVATE ${arg_LIBRARIES} doctest::doctest)
  target_compile_definitions(test_${name} PRIVATE NSAI_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND test_${name})
  # doctest's "[doctest] skipped" line of tests/support/main.cpp turns a program that could run nothing into a skip.
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}"
                       SKIP_REGULAR_EXPRESSION "\\[nsai\\] every test was skipped")
endfunction()

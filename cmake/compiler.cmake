# One dialect and one set of warnings for everything in this repository.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
# Assertions state bugs, not input errors: they stay on in every build type.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")

find_program(ccache_program ccache)
if(ccache_program)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ccache_program})
endif()

add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Werror;-Wnon-virtual-dtor;-Woverloaded-virtual>")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 warns of std::string's own copies (its bug 105651), and whether it does depends on what it inlines.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Nobody replaces our functions one by one at load time, so position-independent code may inline them, too.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fno-semantic-interposition>)
endif()

# The presets compile some files together (CMAKE_UNITY_BUILD): half of the time. `alone` compiles each for itself, which
# proves that it includes what it uses. Sanitizers find the same with -O1.
if(NSAI_SANITIZE)
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
endif()
if(NSAI_SANITIZE STREQUAL "address" OR NSAI_SANITIZE STREQUAL "thread")
  # Instrumented code defeats g++'s analysis of what is initialised (its manual says so at -fsanitize); the release
  # preset keeps this warning, and it is the same code.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized>)
endif()
if(NSAI_SANITIZE STREQUAL "address")
  # -fno-sanitize=null: CAF 0.17's init_fun_factory.hpp binds a null reference; our own code is covered by ASan.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=null -fno-sanitize-recover=undefined
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(NSAI_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(NSAI_SANITIZE STREQUAL "fuzzer")
  # Only what the fuzzing targets need is built (tests/fuzz); g++ is the compiler whose warnings are errors.
  add_compile_options(-Wno-error -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow -fno-sanitize=null,vptr
                      -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(NSAI_SANITIZE)
  message(FATAL_ERROR "NSAI_SANITIZE: ${NSAI_SANITIZE} is not known; expected address, thread, fuzzer or nothing")
endif()

# Everything here is a Debian 12 package; scripts/setup installs them.
find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
# Linked statically: every shared object costs a command its part of a millisecond to load.
set(OPENSSL_USE_STATIC_LIBS TRUE)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_library(SQLITE3_STATIC_LIBRARY NAMES libsqlite3.a)
if(SQLITE3_STATIC_LIBRARY)
  set_target_properties(SQLite::SQLite3 PROPERTIES IMPORTED_LOCATION ${SQLITE3_STATIC_LIBRARY})
endif()
find_package(CLI11 REQUIRED)
find_package(doctest REQUIRED)
find_package(tsl-robin-map REQUIRED)

# What the programs allocate with: messages are made on one thread and freed on another, which costs the C library's
# allocator a third of a node's processor time (docs/adr/0008). Sanitizers bring their own.
add_library(nsai_allocator INTERFACE)
if(NOT NSAI_SANITIZE)
  find_library(JEMALLOC_LIBRARY libjemalloc_pic.a REQUIRED)
  target_link_libraries(nsai_allocator INTERFACE ${JEMALLOC_LIBRARY} Threads::Threads ${CMAKE_DL_LIBS} m)
endif()

# Debian ships CAF 0.17 without a CMake package.
find_path(CAF_INCLUDE_DIR caf/all.hpp REQUIRED)
find_library(CAF_CORE_LIBRARY caf_core REQUIRED)
find_library(CAF_IO_LIBRARY caf_io REQUIRED)
add_library(caf INTERFACE)
target_include_directories(caf SYSTEM INTERFACE ${CAF_INCLUDE_DIR})
target_link_libraries(caf INTERFACE ${CAF_IO_LIBRARY} ${CAF_CORE_LIBRARY} Threads::Threads)
# data_processor.hpp declares `T x;` and hands it to the deserializer; g++ 12 cannot see that it is always set.
target_compile_options(caf INTERFACE -Wno-maybe-uninitialized)

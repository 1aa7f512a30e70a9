#include "tests/store/failing_files.hpp"

#include <cstring>

#include <sqlite3.h>

namespace nsai::store::tests::failing_files {
namespace {

int writes_left = -1;
sqlite3_vfs* real_layer = nullptr;
sqlite3_vfs layer;

/// SQLite's object, followed in memory by the real layer's.
struct file {
  sqlite3_file base;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_file* real(sqlite3_file* f) {
  return reinterpret_cast<file*>(f)->real();
}

int refused() {
  if (writes_left < 0)
    return SQLITE_OK;
  if (writes_left == 0)
    return SQLITE_FULL;
  --writes_left;
  return SQLITE_OK;
}

template <auto Method, class... Args>
int pass(sqlite3_file* f, Args... args) {
  return (real(f)->pMethods->*Method)(real(f), args...);
}

int write(sqlite3_file* f, void const* data, int size, sqlite3_int64 at) {
  auto const fault = refused();
  return fault != SQLITE_OK ? fault : real(f)->pMethods->xWrite(real(f), data, size, at);
}

void barrier(sqlite3_file* f) {
  real(f)->pMethods->xShmBarrier(real(f));
}

using m = sqlite3_io_methods;
sqlite3_io_methods const methods{
    2,
    pass<&m::xClose>,
    pass<&m::xRead, void*, int, sqlite3_int64>,
    write,
    pass<&m::xTruncate, sqlite3_int64>,
    pass<&m::xSync, int>,
    pass<&m::xFileSize, sqlite3_int64*>,
    pass<&m::xLock, int>,
    pass<&m::xUnlock, int>,
    pass<&m::xCheckReservedLock, int*>,
    pass<&m::xFileControl, int, void*>,
    pass<&m::xSectorSize>,
    pass<&m::xDeviceCharacteristics>,
    pass<&m::xShmMap, int, int, int, void volatile**>,
    pass<&m::xShmLock, int, int, int>,
    barrier,
    pass<&m::xShmUnmap, int>,
    nullptr,
    nullptr,
};

int open(sqlite3_vfs*, char const* name, sqlite3_file* f, int flags, int* out) {
  auto const result = real_layer->xOpen(real_layer, name, real(f), flags, out);
  f->pMethods = result == SQLITE_OK ? &methods : nullptr;
  return result;
}

}  // namespace

void install() {
  if (real_layer != nullptr)
    return;
  real_layer = sqlite3_vfs_find(nullptr);
  layer = *real_layer;
  layer.zName = "nsai-failing";
  layer.szOsFile = static_cast<int>(sizeof(file)) + real_layer->szOsFile;
  layer.xOpen = open;
  layer.pNext = nullptr;
  sqlite3_vfs_register(&layer, 0);
}

void fail_after(int writes) {
  writes_left = writes;
}

}  // namespace nsai::store::tests::failing_files

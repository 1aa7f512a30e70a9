#include "store/sqlite.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

namespace nsai::store::sqlite {
namespace {

constexpr int busy_timeout_ms = 5000;

/// SQLite creates a database by the umask; its WAL and shared memory copy the mode of the database.
/// The new name is made durable here, since SQLite syncs the directory only for its journals.
void create_private(std::string const& path) {
  int const file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) {
    // An existing file is not even opened: closing it would drop the locks of a connection of this
    // process.
    if (errno == EEXIST)
      return;
    throw store_error("store: creating " + path + ": " + std::strerror(errno));
  }
  ::close(file);
  auto const parent = std::filesystem::path(path).parent_path();
  int const directory =
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
}

std::string error_text(std::string const& path, char const* doing, sqlite3* handle, int code) {
  std::string text = std::string("store: ") + doing + ": ";
  text += handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  int const extended = handle != nullptr ? sqlite3_extended_errcode(handle) : code;
  text += " (SQLite code " + std::to_string(extended);
  int const system = handle != nullptr ? sqlite3_system_errno(handle) : 0;
  if (system != 0 && (code & 0xff) != SQLITE_CONSTRAINT)
    text += ", " + std::error_code(system, std::system_category()).message();
  return text + ") in " + path;
}

/// Statistics of memory that nobody reads would take a lock at every allocation.
void configure_once() {
  static int const done = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(done);
}

}  // namespace

database::database(std::string const& path, open_mode mode, std::string const& vfs) : path_(path) {
  configure_once();
  bool const writes = mode == open_mode::read_write;
  if (writes)
    create_private(path);
  int const flags = writes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  int const code = sqlite3_open_v2(path.c_str(), &handle_, flags | SQLITE_OPEN_NOMUTEX,
                                   vfs.empty() ? nullptr : vfs.c_str());
  if (code != SQLITE_OK) {
    auto const text = error_text(path_, "opening", handle_, code);
    sqlite3_close_v2(handle_);
    throw store_error(text);
  }
  sqlite3_extended_result_codes(handle_, 1);
  sqlite3_busy_timeout(handle_, busy_timeout_ms);
}

database::~database() {
  sqlite3_close_v2(handle_);
}

void database::execute(char const* sql, char const* doing) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    fail(doing);
}

std::string database::value(char const* sql, char const* doing) {
  statement once(*this, sql, doing);
  cursor row(once);
  return row.step() ? row.text(0) : std::string();
}

bool database::in_transaction() const noexcept {
  return sqlite3_get_autocommit(handle_) == 0;
}

bool database::roll_back() noexcept {
  // Some errors (disk full, I/O) have SQLite roll back by itself.
  if (in_transaction())
    sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  return !in_transaction();
}

std::int64_t database::changes() const noexcept {
  return sqlite3_changes64(handle_);
}

void database::fail(char const* doing) const {
  throw store_error(error_text(path_, doing, handle_, sqlite3_errcode(handle_)));
}

statement::~statement() {
  sqlite3_finalize(handle_);
}

sqlite3_stmt* statement::prepared() {
  if (handle_ == nullptr && sqlite3_prepare_v3(on_.handle(), sql_, -1, SQLITE_PREPARE_PERSISTENT,
                                               &handle_, nullptr) != SQLITE_OK)
    on_.fail(doing_);
  return handle_;
}

cursor::~cursor() {
  // Every parameter is bound anew at the next use, so the bindings need not be cleared.
  sqlite3_reset(handle_);
}

bool cursor::step() {
  int const code = sqlite3_step(handle_);
  if (code == SQLITE_ROW)
    return true;
  if (code != SQLITE_DONE)
    of_.on_.fail(of_.doing_);
  return false;
}

std::int64_t cursor::run() {
  while (step()) {
  }
  return of_.on_.changes();
}

bool cursor::null(int column) const {
  return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

std::int64_t cursor::integer(int column) const {
  return sqlite3_column_int64(handle_, column);
}

std::string_view cursor::view(int column) const {
  auto const* text = sqlite3_column_text(handle_, column);
  auto const size = sqlite3_column_bytes(handle_, column);
  if (text == nullptr)
    return {};
  return {reinterpret_cast<char const*>(text), static_cast<std::size_t>(size)};
}

void cursor::bind_integer(std::int64_t value) {
  if (sqlite3_bind_int64(handle_, ++bound_, value) != SQLITE_OK)
    of_.on_.fail(of_.doing_);
}

void cursor::bind_text(std::string_view value, bool copied) {
  if (value.empty())
    return bind_null();
  if (sqlite3_bind_text64(handle_, ++bound_, value.data(), value.size(),
                          copied ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK)
    of_.on_.fail(of_.doing_);
}

void cursor::bind_null() {
  if (sqlite3_bind_null(handle_, ++bound_) != SQLITE_OK)
    of_.on_.fail(of_.doing_);
}

}  // namespace nsai::store::sqlite

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messages/values.hpp"
#include "store/store_error.hpp"

struct sqlite3;
struct sqlite3_stmt;

/// The only place that knows SQLite's C interface. Everything throws store_error: what was being
/// done, and what SQLite says about it.
namespace nsai::store::sqlite {

enum class open_mode : std::uint8_t { read_write, read_only };

/// An open connection. Used by one thread at a time.
class database {
 public:
  /// In read_write mode a missing file is created, 0600. `vfs` empty: SQLite's own.
  database(std::string const& path, open_mode mode, std::string const& vfs);
  ~database();
  database(database const&) = delete;
  database& operator=(database const&) = delete;

  /// Runs statements that give no rows. `doing` is the beginning of the error: "store: <doing>:
  /// ...".
  void execute(char const* sql, char const* doing);
  /// The first column of the first row, as text; empty when there is none.
  std::string value(char const* sql, char const* doing);
  bool in_transaction() const noexcept;
  /// Ends a transaction that is still open, whatever state an error left it in. False: it is still
  /// open.
  bool roll_back() noexcept;
  /// How many rows the last statement changed.
  std::int64_t changes() const noexcept;

  [[noreturn]] void fail(char const* doing) const;
  sqlite3* handle() const noexcept { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
  std::string path_;
};

/// A statement, prepared at its first use and kept.
class statement {
 public:
  /// The texts are literals: they are not copied.
  statement(database& on, char const* sql, char const* doing) noexcept
      : on_(on), sql_(sql), doing_(doing) {}
  ~statement();
  statement(statement const&) = delete;
  statement& operator=(statement const&) = delete;

 private:
  friend class cursor;
  sqlite3_stmt* prepared();

  database& on_;
  char const* sql_;
  char const* doing_;
  sqlite3_stmt* handle_ = nullptr;
};

/// One execution of a statement, which is free for the next when this goes. Values are bound in the
/// order of the constructor's arguments. Empty texts are stored as NULL, and NULL is read as an
/// empty text or 0. Texts passed as lvalues or views are not copied and have to outlive the
/// cursor's last step.
class cursor {
 public:
  template <class... Values>
  explicit cursor(statement& of, Values&&... values) : of_(of), handle_(of.prepared()) {
    (bind(std::forward<Values>(values)), ...);
  }
  ~cursor();
  cursor(cursor const&) = delete;
  cursor& operator=(cursor const&) = delete;

  /// Goes to the next row; false: there is none.
  bool step();
  /// Steps to the end; returns how many rows were changed.
  std::int64_t run();

  bool null(int column) const;
  std::int64_t integer(int column) const;
  std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  std::string text(int column) const { return std::string(view(column)); }
  /// Valid until the next step.
  std::string_view view(int column) const;

 private:
  void bind_integer(std::int64_t value);
  void bind_text(std::string_view value, bool copied);
  void bind_null();

  template <class T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  void bind(T value) { bind_integer(static_cast<std::int64_t>(value)); }
  void bind(timestamp value) { bind_integer(value.ms); }
  void bind(job_id value) {
    value ? bind_integer(static_cast<std::int64_t>(value.value)) : bind_null();
  }
  void bind(std::string_view value) { bind_text(value, false); }
  void bind(std::string const& value) { bind_text(value, false); }
  void bind(std::string& value) { bind_text(value, false); }
  void bind(std::string&& value) { bind_text(value, true); }
  void bind(char const* value) { bind_text(value, false); }
  void bind(json_text const& value) { bind_text(value.text, false); }
  template <class T>
  void bind(std::optional<T> const& value) {
    value ? bind(*value) : bind_null();
  }

  statement& of_;
  sqlite3_stmt* handle_;
  int bound_ = 0;
};

}  // namespace nsai::store::sqlite

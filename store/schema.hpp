#pragma once

#include "store/sqlite.hpp"

namespace nsai::store {

/// Brings a database to the newest schema, step by step and in one transaction. Throws store_error,
/// having changed nothing, when the database was written by a newer version or is not a store at
/// all.
void migrate(sqlite::database& on);

/// For readers, which change nothing: throws store_error unless the schema is the newest.
void check_schema(sqlite::database& on);

/// The version that `migrate` leads to.
int newest_schema();

}  // namespace nsai::store

#pragma once

/// A file layer of SQLite that fails on demand, above the real one.
namespace nsai::store::tests::failing_files {

/// Registers the layer; its name is "nsai-failing".
void install();
/// After `writes` more writes every write is refused as on a full disk; -1: never.
void fail_after(int writes);

}  // namespace nsai::store::tests::failing_files

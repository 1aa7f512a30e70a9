#pragma once

#include "messages/values.hpp"

namespace nsai::stages {

/// Merges into `first` another context that grew from the same ancestor, as JSON objects:
///   - what only one of them has changed since the ancestor (a value set, replaced or removed)
///   holds;
///   - objects that both changed merge by key, recursively; arrays become the union, in order of
///     first appearance;
///   - else the second one wins, and the two disagree: `assigns.conflicts` of the result lists
///     {"path", "kept", "dropped"} (values longer than 200 characters are cut, as texts). What is
///     under `experiment` describes a run and is not listed.
void merge_contexts(json& first, json const& ancestor, json const& second);

/// A context with what a program says of it: objects by key, recursively; other values take the
/// place of those that were there; `artifacts` are added.
json overlay_context(json const& context, json const& changes);

}  // namespace nsai::stages

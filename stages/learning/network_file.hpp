#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "messages/field_list.hpp"
#include "stages/compute.hpp"
#include "stages/fnv1a.hpp"

namespace nsai::stages {

/// A network on disk: a trained model, or a checkpoint from which training goes on. All numbers are
/// little-endian:
///
///   offset        bytes  what
///   0             8      "NSAINET\n"
///   8             4      version of this format, 1
///   12            4      H, bytes of the head
///   16            8      N, number of floats
///   24            H      the head: one JSON object in UTF-8
///   24 + H        4 N    float32: the parameters as network_state has them; in a checkpoint Adam's
///                        first and second moments after them
///   24 + H + 4 N  8      FNV-1a (64 bits) of all bytes before
///
/// The head has "kind" ("model" or "checkpoint"), "network" {"inputs", "hidden", "classes",
/// "steps"} and what the writer says in `about`.
struct network_file {
  enum class kind_of_file : std::uint8_t { model, checkpoint };

  kind_of_file kind = kind_of_file::model;
  json about = json::object();
  network_state network;  // a model's moments are empty
};

inline constexpr std::uint32_t network_file_version = 1;
inline constexpr std::uint32_t most_head_bytes = 1U << 24U;
inline constexpr std::size_t most_inputs = 1U << 24U;
inline constexpr std::size_t most_hidden = 1U << 16U;
inline constexpr std::size_t most_classes = 1U << 10U;

std::string bytes_of(network_file const& file);

/// Throws shape_error at `field` that tells what came (of `name`) and what was expected: another
/// magic, version or kind, a shape beside the number of floats, a short or a changed file, numbers
/// that are not finite. Sizes are checked before anything is allocated.
network_file network_of(std::string_view bytes, network_file::kind_of_file expected,
                        std::string const& name, std::string const& field);

/// The same of a regular file. Of one whose size, head or shape does not hold no more than the head
/// is read.
network_file read_network(std::filesystem::path const& file, network_file::kind_of_file expected,
                          std::string const& field);

/// Whoever reads the file, also after a crash, sees the old one or this one whole. Throws
/// std::runtime_error.
void write_network(std::filesystem::path const& file, network_file const& network);

}  // namespace nsai::stages

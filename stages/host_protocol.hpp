#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/attempt.hpp"
#include "stages/dataset_paths.hpp"

/// What a node and its stage hosts say to each other over a socketpair: frames of a 32-bit
/// little-endian length (of what follows), a kind, and a CBOR document made from the field lists
/// below. JSON texts (options, contexts, results) travel as texts: nobody on the way needs to parse
/// them.
namespace nsai::stages {

/// Node -> host, first: what stays the same for all of its attempts.
struct host_setup {
  static constexpr char const* type_name = "host_setup";
  std::map<std::string, dataset_paths> datasets;
  std::map<std::string, std::string> plugins;  // stage -> library that has it

  static constexpr auto fields() {
    return std::tuple{field{"datasets", &host_setup::datasets},
                      field{"plugins", &host_setup::plugins}};
  }
};

/// Node -> host: everything that one attempt needs.
struct host_request {
  static constexpr char const* type_name = "host_request";
  std::uint64_t sequence = 0;  // ascends by one for each request to a host, from 1
  attempt_ref ref;
  std::string stage;
  std::string options;  // JSON; empty: none
  std::string context;
  std::vector<device_grant> devices;
  std::optional<std::int64_t> array_index;
  std::optional<gang_place> gang;
  std::string step;       // of an experiment's stage: its name there
  std::string run_dir;    // for scratch/; removed after the attempt. Empty: a brief attempt
  std::string artifacts;  // kept unless nothing was left in it. Empty: a brief attempt
  std::string log;
  std::int64_t log_limit_bytes = 0;

  static constexpr auto fields() {
    using r = host_request;
    return std::tuple{field{"sequence", &r::sequence},
                      field{"ref", &r::ref},
                      field{"stage", &r::stage},
                      field{"options", &r::options},
                      field{"context", &r::context},
                      field{"devices", &r::devices},
                      field{"array_index", &r::array_index},
                      field{"gang", &r::gang},
                      field{"step", &r::step},
                      field{"run_dir", &r::run_dir},
                      field{"artifacts", &r::artifacts},
                      field{"log", &r::log},
                      field{"log_limit_bytes", &r::log_limit_bytes}};
  }
};

/// Node -> host: run these in this order, behind what is there already.
struct host_requests {
  static constexpr char const* type_name = "host_requests";
  std::vector<host_request> requests;

  static constexpr auto fields() { return std::tuple{field{"requests", &host_requests::requests}}; }
};

/// Node -> host: an attempt that has not begun is answered as canceled at once and never begins;
/// one that runs gets its stop token. A repeat changes nothing.
struct host_stop {
  static constexpr char const* type_name = "host_stop";
  std::uint64_t sequence = 0;

  static constexpr auto fields() { return std::tuple{field{"sequence", &host_stop::sequence}}; }
};

/// Host -> node: how far the attempt is.
struct host_progress {
  static constexpr char const* type_name = "host_progress";
  std::uint64_t sequence = 0;
  milli fraction;
  std::string text;

  static constexpr auto fields() {
    return std::tuple{field{"sequence", &host_progress::sequence},
                      field{"fraction", &host_progress::fraction},
                      field{"text", &host_progress::text}};
  }
};

/// How one attempt ended: an attempt_outcome whose value and context are still texts.
struct host_outcome {
  static constexpr char const* type_name = "host_outcome";
  std::uint64_t sequence = 0;
  attempt_result result = attempt_result::succeeded;
  std::string value;
  std::string context;
  std::optional<error_info> error;
  std::int64_t duration_ms = 0;
  std::int64_t busy_us = 0;
  std::int64_t peak_memory_mb = 0;  // 0: not measured (brief attempts)

  static constexpr auto fields() {
    using o = host_outcome;
    return std::tuple{field{"sequence", &o::sequence}, field{"result", &o::result},
                      field{"value", &o::value},       field{"context", &o::context},
                      field{"error", &o::error},       field{"duration_ms", &o::duration_ms},
                      field{"busy_us", &o::busy_us},   field{"peak_memory_mb", &o::peak_memory_mb}};
  }
};

/// Host -> node, in the order in which they ended.
struct host_outcomes {
  static constexpr char const* type_name = "host_outcomes";
  std::vector<host_outcome> outcomes;
  std::int64_t pid = 0;          // of the host: the keeper may tell it later than this
  std::int64_t resident_mb = 0;  // of the host, after the last of them; 0: not measured
  bool spent = false;  // an attempt left a process behind, or CUDA unusable: the host has to go

  static constexpr auto fields() {
    using o = host_outcomes;
    return std::tuple{field{"outcomes", &o::outcomes}, field{"pid", &o::pid},
                      field{"resident_mb", &o::resident_mb}, field{"spent", &o::spent}};
  }
};

/// Host -> node, the only frame of a host that was started to describe one library.
struct plugin_description {
  static constexpr char const* type_name = "plugin_description";
  std::vector<stage_description> stages;
  std::string fault;  // why there are none

  static constexpr auto fields() {
    return std::tuple{field{"stages", &plugin_description::stages},
                      field{"fault", &plugin_description::fault}};
  }
};

/// Memory that a host shares with its node, so that the node knows which attempt ran when a host
/// died, although outcomes are told in batches. An attempt runs while begun > ended.
struct host_page {
  std::atomic<std::uint64_t> begun{0};
  std::atomic<std::uint64_t> ended{0};
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

enum class host_frame : std::uint8_t { setup, run, stop, progress, over, described };

/// A result of 16 MiB and its context, with room for the rest.
inline constexpr std::size_t longest_host_frame = 64 * 1024 * 1024;

/// The bytes of one frame.
template <described M>
std::string host_frame_of(host_frame kind, M const& message);
std::string host_frame_of(host_frame kind, json const& document);

template <described M>
std::string host_frame_of(host_frame kind, M const& message) {
  return host_frame_of(kind, write_json(message));
}

/// Takes frames out of a stream of bytes that arrives in pieces.
class host_frame_reader {
 public:
  struct frame {
    host_frame kind = host_frame::setup;
    json document;
  };

  void append(std::string_view bytes) { buffer_.append(bytes); }
  /// The next whole frame; nothing when there is none yet. Throws std::invalid_argument when the
  /// bytes are no frame; after that the stream cannot be read further.
  std::optional<frame> next();

 private:
  std::string buffer_;
  std::size_t at_ = 0;  // what lies before has been taken
};

/// The message of a frame's document. Throws std::invalid_argument (shape_error).
template <described M>
M message_of(json const& document) {
  M message;
  read_json(document, message);
  return message;
}

/// How the descriptors of a host are numbered.
inline constexpr int host_channel = 3;
inline constexpr int host_page_file = 4;
inline constexpr int host_output_descriptor =
    5;  // read end of its standard output; next: of its error

}  // namespace nsai::stages

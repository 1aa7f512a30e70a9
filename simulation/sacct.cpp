#include "simulation/sacct.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include "simulation/delimited.hpp"

namespace nsai::simulation {
namespace {

using row = delimited::row;

constexpr std::int64_t longest_timeout_s = 7 * 24 * 3600;
constexpr std::int64_t longest_s = 1'000'000'000;  // a duration, and from the first submission on
constexpr std::int64_t most_nodes = 100'000;
constexpr std::int64_t most_amount = 1'000'000'000;

std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0)
    return std::nullopt;
  return value;
}

/// "2026-03-01T09:30:00", or seconds; nothing for "Unknown" and the like.
std::optional<std::int64_t> time_of(std::string_view text) {
  if (auto const seconds = whole(text))
    return seconds;
  if (text.size() != 19 || text[10] != 'T')
    return std::nullopt;
  try {
    return from_rfc3339(std::string(text) + "Z").ms / 1000;
  } catch (shape_error const&) {
    return std::nullopt;
  }
}

/// "[days-][hours:]minutes:seconds" in seconds; "30" are minutes in a Timelimit, as in Slurm.
std::optional<std::int64_t> span_of(std::string_view text) {
  std::int64_t days = 0;
  if (auto const dash = text.find('-'); dash != std::string_view::npos) {
    auto const found = whole(text.substr(0, dash));
    if (!found)
      return std::nullopt;
    days = *found;
    text.remove_prefix(dash + 1);
  }
  text = text.substr(0, text.find('.'));  // sacct may tell thousandths
  std::vector<std::int64_t> parts;
  while (true) {
    auto const colon = text.find(':');
    auto const found = whole(text.substr(0, colon));
    if (!found || *found > 1'000'000'000 || days > 100'000)
      return std::nullopt;
    parts.push_back(*found);
    if (colon == std::string_view::npos)
      break;
    text.remove_prefix(colon + 1);
  }
  if (parts.size() > 3)
    return std::nullopt;
  std::int64_t seconds = days * 24 * 3600;
  if (parts.size() == 3)
    return seconds + parts[0] * 3600 + parts[1] * 60 + parts[2];
  if (parts.size() == 2)
    return seconds + (days > 0 ? parts[0] * 3600 + parts[1] * 60 : parts[0] * 60 + parts[1]);
  return seconds + (days > 0 ? parts[0] * 3600 : parts[0] * 60);
}

/// "64G", "512000M", "1.5T", "100" in MiB.
std::optional<std::int64_t> megabytes_of(std::string_view text) {
  double value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || !(value >= 0 && value <= 1e12))
    return std::nullopt;
  auto const unit = end == text.data() + text.size() ? 'M' : *end;
  double const factor = unit == 'K'   ? 1.0 / 1024
                        : unit == 'M' ? 1
                        : unit == 'G' ? 1024
                        : unit == 'T' ? 1024.0 * 1024
                                      : -1;
  if (factor < 0)
    return std::nullopt;
  return static_cast<std::int64_t>(value * factor + 0.999);
}

struct tres {
  std::int64_t cpu = 0;
  std::int64_t memory_mb = 0;
  std::int64_t gpus = 0;
  std::int64_t nodes = 1;
  std::string model;
};

/// "billing=8,cpu=8,gres/gpu:a100=2,gres/gpu=2,mem=64G,node=1"
std::optional<tres> tres_of(std::string_view text) {
  tres t;
  if (text.empty())
    return std::nullopt;
  while (!text.empty()) {
    auto const end = std::min(text.find(','), text.size());
    auto const item = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    auto const equals = item.find('=');
    if (equals == std::string_view::npos)
      return std::nullopt;
    auto const name = item.substr(0, equals);
    auto const value = item.substr(equals + 1);
    constexpr std::string_view gpu = "gres/gpu";
    bool const of_gpu = name == gpu || name.starts_with("gres/gpu:");
    auto const amount = name == "mem" ? megabytes_of(value) : whole(value);
    if (name != "mem" && name != "cpu" && name != "node" && !of_gpu)
      continue;
    bool const has_model = of_gpu && name.size() > gpu.size() + 1;
    if (!amount || (has_model && !is_model_pattern(name.substr(gpu.size() + 1))))
      return std::nullopt;
    if (name == "mem")
      t.memory_mb = *amount;
    else if (name == "cpu")
      t.cpu = *amount;
    else if (name == "node")
      t.nodes = std::max<std::int64_t>(1, *amount);
    else if (has_model)
      t.model = name.substr(gpu.size() + 1);
    if (of_gpu)
      t.gpus = std::max(t.gpus, *amount);
  }
  return t;
}

/// What a tenant may be called.
std::string tenant_named(std::string_view account) {
  std::string name(account.substr(0, 64));
  for (auto& c : name)
    if (!is_name(std::string{'a', c}))
      c = '-';
  if (name.empty())
    return "default";
  if (!is_name(name))
    name.front() = 'x';
  return name;
}

class importer {
 public:
  importer(std::string_view text, std::string const& file)
      : table_(text, '|', file),
        id_(table_.column({"JobID", "JobIDRaw"})),
        submit_(table_.column({"Submit"})),
        account_(optional("Account")),
        user_(optional("User")),
        elapsed_raw_(optional("ElapsedRaw")),
        elapsed_(optional("Elapsed")),
        start_(optional("Start")),
        end_(optional("End")),
        state_(optional("State")),
        requested_(optional("ReqTRES")),
        allocated_(optional("AllocTRES")),
        limit_(optional("Timelimit")) {
    if (!elapsed_raw_ && !elapsed_ && !(start_ && end_))
      table_.column({"ElapsedRaw", "Elapsed", "Start and End"});  // says what is missing
    if (!requested_ && !allocated_)
      table_.column({"ReqTRES", "AllocTRES"});
  }

  imported run() {
    for (auto const& r : table_.rows())
      read(r);
    std::stable_sort(lines_.begin(), lines_.end(),
                     [](auto const& a, auto const& b) { return a.submit_s < b.submit_s; });
    for (auto& each : lines_) {
      if (each.submit_s - lines_.front().submit_s > longest_s) {
        skip("out_of_bounds");
        continue;
      }
      result_.jobs += each.jobs;
      each.document["submit_s"] = each.submit_s - lines_.front().submit_s;
      result_.workload += each.document.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    }
    return std::move(result_);
  }

 private:
  struct line {
    std::int64_t submit_s = 0;
    std::int64_t jobs = 1;
    json document;
  };

  std::optional<std::size_t> optional(std::string const& name) const {
    return table_.has_column(name) ? std::optional{table_.column({name})} : std::nullopt;
  }
  static std::string_view cell(row const& r, std::optional<std::size_t> column) {
    return column ? r.cells[*column] : std::string_view{};
  }

  void read(row const& r) {
    if (r.cells.size() != table_.columns())  // a name with the separator in it
      return skip("unreadable");
    auto const id = r.cells[id_];
    if (id.find('.') != std::string_view::npos)
      return skip("steps");
    auto const duration = duration_of(r);
    if (!duration)
      return skip("never_ran");
    auto const submit = time_of(r.cells[submit_]);
    if (!submit)
      throw table_.fault(r, submit_, "a time such as 2026-03-01T09:30:00, or seconds");
    auto const needs = needs_of(r);
    if (!is_playable(needs, *duration))
      return skip("out_of_bounds");
    json document{{"duration_s", *duration},
                  {"tenant", tenant_named(cell(r, account_))},
                  {"resources", resources_of(needs)}};
    if (auto const user = cell(r, user_); !user.empty())
      document["owner"] = user;
    if (needs.nodes > 1) {
      document["count"] = needs.nodes;
      ++result_.changed["on_several_nodes"];
    }
    add_limit(r, *duration, document);
    if (cell(r, state_).starts_with("RUNNING"))
      ++result_.changed["still_running"];
    lines_.push_back({*submit, needs.nodes, std::move(document)});
  }

  /// What `nsai simulate run` takes.
  static bool is_playable(tres const& t, std::int64_t duration_s) {
    if (t.nodes > most_nodes || t.cpu > most_amount || t.gpus > most_amount ||
        t.memory_mb > most_amount * most_nodes || duration_s > longest_s)
      return false;
    resources r;
    read_json(resources_of(t), r);
    return !complete_and_check(r);
  }

  void skip(char const* why) { ++result_.skipped[why]; }

  /// Nothing: it never ran.
  std::optional<std::int64_t> duration_of(row const& r) const {
    auto const state = cell(r, state_);
    if (state.starts_with("PENDING"))
      return std::nullopt;
    auto const begin = time_of(cell(r, start_));
    auto const end = time_of(cell(r, end_));
    std::optional<std::int64_t> took;
    if (elapsed_raw_)
      took = whole(r.cells[*elapsed_raw_]);
    else if (elapsed_)
      took = span_of(r.cells[*elapsed_]);
    else if (begin && end && *end >= *begin)
      took = *end - *begin;
    if (start_ && !begin)
      return std::nullopt;
    if (state.starts_with("CANCELLED") && took.value_or(0) == 0)
      return std::nullopt;
    return took;
  }

  tres needs_of(row const& r) const {
    auto const asked = cell(r, requested_);
    auto const had = cell(r, allocated_);
    auto found = tres_of(asked);
    if (!found || found->cpu == 0)
      found = tres_of(had);
    if (!found)
      throw table_.fault(r,
                         (requested_ && !asked.empty()) || !allocated_ ? *requested_ : *allocated_,
                         "amounts such as cpu=8,mem=64G,node=1,gres/gpu:a100=2");
    // The model may be known of what was given alone.
    if (auto const given = tres_of(had); found->gpus > 0 && found->model.empty() && given)
      found->model = given->model;
    return *found;
  }

  /// Of one node.
  static json resources_of(tres const& t) {
    auto const part = [&](std::int64_t all) { return (all + t.nodes - 1) / t.nodes; };
    json needs{{"cpu", std::max<std::int64_t>(1, part(t.cpu))}};
    if (t.memory_mb > 0)
      needs["memory_mb"] = part(t.memory_mb);
    if (t.gpus > 0) {
      needs["gpu_count"] = part(t.gpus);
      if (!t.model.empty())
        needs["gpu"] = t.model;
    }
    return needs;
  }

  void add_limit(row const& r, std::int64_t duration, json& document) {
    auto const limit = span_of(cell(r, limit_));
    if (!limit || *limit == 0)
      return;
    bool const timed_out = cell(r, state_).starts_with("TIMEOUT");
    // Slurm looks at limits now and then only; a job that was over by then kept it.
    if (*limit > longest_timeout_s)
      ++result_.changed["limit_above_7_days"];
    else if (timed_out || duration <= *limit)
      document["constraints"] = {{"timeout_ms", *limit * 1000}};
  }

  delimited table_;
  std::size_t id_;
  std::size_t submit_;
  std::optional<std::size_t> account_, user_, elapsed_raw_, elapsed_, start_, end_, state_,
      requested_, allocated_, limit_;
  imported result_;
  std::vector<line> lines_;
};

}  // namespace

imported import_sacct(std::string_view text, std::string const& file) {
  auto result = importer{text, file}.run();
  if (result.jobs == 0)
    throw shape_error(file, "there is no job in it that ran", "what sacct --parsable2 prints");
  return result;
}

}  // namespace nsai::simulation

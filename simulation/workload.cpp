#include "simulation/workload.hpp"

#include <algorithm>
#include <unordered_map>

#include "messages/bounded_json.hpp"
#include "simulation/cluster_description.hpp"

namespace nsai::simulation {
namespace {

constexpr std::size_t most_faults = 20;
constexpr std::int64_t most_jobs = 10'000'000;
constexpr std::int64_t longest_ms = 1'000'000'000'000;  // what a decimal in the file can say

std::string_view trimmed(std::string_view line) {
  auto const is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!line.empty() && is_space(line.front()))
    line.remove_prefix(1);
  while (!line.empty() && is_space(line.back()))
    line.remove_suffix(1);
  return line;
}

bool is_comment(std::string_view line) {
  return line.starts_with("//") ||
         (line.starts_with("/*") && line.find("*/") + 2 == line.size() && line.size() >= 4);
}

class reader {
 public:
  reader(std::string const& file, workload& to) : file_(file), to_(to) {}

  void read(std::string_view text) {
    while (!text.empty() && faults_.size() < most_faults) {
      ++line_;
      auto const end = std::min(text.find('\n'), text.size());
      auto const line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (auto const content = trimmed(line); !content.empty() && !is_comment(content))
        read_line(line);
    }
    if (faults_.empty() && to_.jobs.empty())
      faults_.push_back(usage_error(file_, "there are no jobs in it", "a JSON object a line"));
    std::stable_sort(to_.jobs.begin(), to_.jobs.end(),
                     [](auto const& a, auto const& b) { return a.submit_ms < b.submit_ms; });
  }

  std::vector<error_info> faults() && { return std::move(faults_); }

 private:
  /// `column` 0: the fault is about the whole line.
  void fault(error_info error, std::size_t column = 0) {
    error.message = file_ + ":" + std::to_string(line_) +
                    (column > 0 ? ":" + std::to_string(column) : "") + ": " + error.message;
    faults_.push_back(std::move(error));
  }
  void fault_at(std::size_t column, std::string const& came, std::string const& expected) {
    auto error = error_of("usage", "invalid", came + "; expected " + expected);
    fault(std::move(error), column);
  }

  void read_line(std::string_view line) {
    try {
      if (nests_too_deep(line))
        throw too_deep("job");
      read_job(json::parse(line, nullptr, true, true));
    } catch (shape_error const& e) {
      fault(usage_error(e));
    } catch (json::parse_error const& e) {
      bool const ends = e.byte > line.size();
      fault_at(std::max<std::size_t>(1, e.byte),
               ends ? "the line ends too early" : "this is not JSON here", "a JSON object");
    } catch (json::out_of_range const&) {  // it does not say where
      fault_at(1, "a number is too large", "numbers up to 1.7e308");
    }
  }

  void read_job(json document) {
    if (!document.is_object())
      throw shape_error("job", describe_json(document) + " is not allowed", "an object");
    // Times first: the rest is most often that of a line before.
    workload_line times;
    for (auto const* key : {"submit_s", "duration_s", "count"})
      if (auto const at = document.find(key); at != document.end()) {
        read_json(json{{key, *at}}, times);
        document.erase(at);
      }
    check_times(times);
    auto const known = by_text_.find(document.dump());
    auto const request = known != by_text_.end() ? known->second : read_request(document);
    if (!request)
      return;
    all_ += times.count;
    if (all_ > most_jobs)
      throw shape_error("count", "there are too many jobs",
                        "at most " + std::to_string(most_jobs) + " in all");
    to_.jobs.push_back({times.submit_s.value, times.duration_s->value, times.count, *request});
  }

  static void check_times(workload_line const& w) {
    auto const want = [](char const* field, milli value) {
      if (value.value < 0 || value.value > longest_ms)
        throw shape_error(field, json(value).dump() + " is not allowed", "0 to 1000000000 seconds");
    };
    want("submit_s", w.submit_s);
    if (!w.duration_s)
      throw shape_error("duration_s", "nothing was given", "how long the job runs, in seconds");
    want("duration_s", *w.duration_s);
    if (w.count < 1 || w.count > most_jobs)
      throw shape_error("count", std::to_string(w.count) + " is not allowed",
                        "1 to " + std::to_string(most_jobs));
  }

  std::optional<std::uint32_t> read_request(json const& document) {
    workload_line given;
    read_json(document, given);
    submission s;
    s.tenant_id = given.tenant;
    s.owner = given.owner;
    s.priority = given.priority;
    s.stage = simulated_stage;
    s.resources = given.resources;
    s.constraints = given.constraints;
    std::optional<error_info> found;
    if (!is_name(given.tenant))
      found = usage_error("tenant", "\"" + given.tenant.substr(0, 80) + "\" is not allowed",
                          "1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or a digit");
    else if (dependencies_of(given.constraints) > 0)
      found = usage_error(
          given.constraints.depends_on.empty() ? "constraints.after_any" : "constraints.depends_on",
          "this is not supported in a workload",
          "an empty list: the jobs of a workload have no numbers");
    else
      found = complete_and_check(s);
    if (found) {
      fault(std::move(*found));
      return std::nullopt;
    }
    auto const index = static_cast<std::uint32_t>(to_.requests.size());
    to_.requests.push_back(std::move(s));
    by_text_.emplace(document.dump(), index);
    return index;
  }

  std::string const& file_;
  workload& to_;
  std::size_t line_ = 0;
  std::int64_t all_ = 0;
  std::unordered_map<std::string, std::uint32_t> by_text_;
  std::vector<error_info> faults_;
};

}  // namespace

std::vector<error_info> read_workload(std::string_view text, std::string const& file,
                                      workload& to) {
  reader r{file, to};
  r.read(text);
  return std::move(r).faults();
}

}  // namespace nsai::simulation

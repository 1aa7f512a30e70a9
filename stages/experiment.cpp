#include "stages/experiment.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "messages/bounded_json.hpp"
#include "messages/suggest.hpp"
#include "stages/experiment_file.hpp"
#include "stages/pipeline_order.hpp"
#include "stages/stage.hpp"
#include "stages/work_job.hpp"

namespace nsai::stages {
namespace {

/// "3:14" of a byte offset (from 1) in the text.
std::string line_and_column(std::string const& text, std::size_t byte) {
  std::size_t line = 1;
  std::size_t column = 1;
  for (std::size_t i = 0; i + 1 < byte && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++line;
      column = 1;
    } else {
      ++column;
    }
  }
  return std::to_string(line) + ":" + std::to_string(column);
}

class reader {
 public:
  reader(json const& document, std::filesystem::path const& base,
         std::vector<stage_description> const& known)
      : document_(document), base_(base), known_(known) {}

  read_experiment read() {
    if (!document_.is_object()) {
      fault(usage_error("experiment", describe_json(document_) + " is not allowed", "an object"));
      return std::move(result_);
    }
    read_fields(document_, file_, "");
    read_stages();
    if (result_.faults.empty())
      order_stages();
    if (result_.faults.empty())
      build();
    return std::move(result_);
  }

 private:
  void fault(error_info error) { result_.faults.push_back(std::move(error)); }

  void guard(std::string const& path, std::function<void()> const& body) {
    try {
      body();
    } catch (shape_error const& e) {
      fault(usage_error(path.empty() ? e : e.inside(path)));
    }
  }

  /// One by one, so that the faults of all of them are told.
  template <class T>
  void read_fields(json const& object, T& to, std::string const& path) {
    if (!object.is_object()) {
      guard(path, [&] { read_json(object, to); });
      return;
    }
    for (auto const& item : object.items())
      guard(path, [&] { read_json(json{{item.key(), item.value()}}, to); });
  }

  void read_stages() {
    if (!file_.pipeline.is_array() || file_.pipeline.empty()) {
      fault(usage_error("pipeline", describe_json(file_.pipeline) + " is not allowed",
                        "an array of one or more stages"));
      return;
    }
    for (std::size_t i = 0; i < file_.pipeline.size(); ++i) {
      auto const path = "pipeline[" + std::to_string(i) + "]";
      stage_def def;
      read_fields(file_.pipeline[i], def, path);
      if (def.name.empty())
        def.name = def.stage;
      if (!def.enabled)
        continue;
      check_stage(def, path);
    }
  }

  void check_stage(stage_def& def, std::string const& path) {
    if (def.stage.empty()) {
      fault(usage_error(path + ".stage", "nothing was given", "the name of a stage"));
      return;
    }
    for (auto const& other : entries_)
      if (other.name == def.name)
        fault(usage_error(path + ".name", "\"" + def.name + "\" was used before",
                          "a name of its own"));
    delegation d{def.stage, std::move(def.options), def.resources, def.constraints, def.priority};
    auto const delegating = delegate(d, path + ".");
    result_.faults.insert(result_.faults.end(), delegating.begin(), delegating.end());
    if (delegating.empty())
      check_delegated(d, path);
    if (d.stage == "command")
      place_program(d.options);
    pipeline_entry entry{def.name, path, def.depends_on, d.async, d.stage == "await_jobs", {}};
    if (entry.awaits && d.options.contains("jobs"))
      guard(path + "." + d.options_field + ".jobs",
            [&] { read_json(d.options.at("jobs"), entry.jobs); });
    entries_.push_back(std::move(entry));
    jobs_.push_back(std::move(d));
  }

  void check_delegated(delegation& d, std::string const& path) {
    auto const found = std::find_if(known_.begin(), known_.end(),
                                    [&](stage_description const& k) { return k.name == d.stage; });
    if (found == known_.end()) {
      std::vector<std::string> names;
      for (auto const& k : known_)
        names.push_back(k.name);
      auto const near = nearest(d.stage, names);
      fault(usage_error(path + "." + d.stage_field, "\"" + d.stage + "\" is not a stage",
                        near.empty() ? "one of " + joined(names) : near + " (did you mean that?)"));
    } else {
      for (auto& error : check_all_options(*found, d.options, path + "." + d.options_field))
        fault(std::move(error));
    }
    if (auto error = complete_and_check(d.resources, path + ".resources"))
      fault(std::move(*error));
    if (auto error = check(d.constraints, path + ".constraints"))
      fault(std::move(*error));
  }

  /// A program runs in the folder of the experiment, unless it says where; relative to that folder.
  void place_program(json& options) const {
    auto const given = options.is_object() ? options.find("chdir") : options.end();
    if (given == options.end() || !given->is_string())
      return;  // a fault, told already
    std::filesystem::path const where = given->get<std::string>();
    *given = where.empty() ? base_.string() : (base_ / where).lexically_normal().string();
  }

  void order_stages() {
    if (entries_.empty()) {
      fault(usage_error("pipeline", "every stage is disabled", "one enabled stage or more"));
      return;
    }
    placed_ = order_pipeline(entries_);
    result_.faults = std::move(placed_.faults);
  }

  void build() {
    auto& s = result_.request;
    s.kind = job_kind::composite;
    s.name_space = is_name(file_.type) ? file_.type : "default";
    s.tenant_id = "cns_crucible";
    s.priority = file_.priority.value_or(priority::batch);
    std::map<std::size_t, std::uint32_t> positions;
    for (auto const i : placed_.order) {
      auto const& d = jobs_[i];
      step_spec step{
          entries_[i].name, d.stage, json_text::of(d.options), d.resources, d.constraints, {},
          d.priority,       {}};
      for (auto const predecessor : placed_.before[i])
        step.after.push_back(positions.at(predecessor));
      std::sort(step.after.begin(), step.after.end());
      positions[i] = static_cast<std::uint32_t>(s.pipeline.size());
      s.pipeline.push_back(std::move(step));
    }
    json order = json::object();
    for (auto const& step : s.pipeline) {
      auto& names = order[step.name] = json::array();
      for (auto const before : step.after)
        names.push_back(s.pipeline[before].name);
    }
    context start;
    start.experiment = {{"id", file_.id},           {"name", file_.name},
                        {"type", file_.type},       {"backend", file_.backend.id},
                        {"dataset", file_.dataset}, {"metadata", file_.metadata},
                        {"stages", order},          {"base_dir", base_.string()}};
    s.context = json_text::of(write_json(start));
    json metadata = file_.metadata.is_object() ? file_.metadata : json::object();
    metadata["experiment_id"] = file_.id;
    metadata["experiment_type"] = file_.type;
    metadata["experiment_name"] = file_.name;
    metadata["source"] = "experiment";
    s.metadata = json_text::of(metadata);
  }

  json const& document_;
  std::filesystem::path base_;
  std::vector<stage_description> const& known_;
  experiment_file file_;
  std::vector<pipeline_entry> entries_;  // enabled ones
  std::vector<delegation> jobs_;         // what each of them runs
  pipeline_order placed_;
  read_experiment result_;
};

}  // namespace

json parse_document(std::string const& text, std::string const& name) {
  bool deep = false;
  auto const shallow = [&deep](int depth, json::parse_event_t, json&) {
    deep = deep || depth > static_cast<int>(most_nesting);
    return !deep;
  };
  try {
    auto document = json::parse(text, shallow, true, true);
    if (deep)
      throw too_deep(name);
    return document;
  } catch (json::parse_error const& e) {
    auto const at = name + ":" + line_and_column(text, e.byte);
    bool const ends = e.byte >= text.size();
    throw shape_error(at, ends ? "the text ends too early" : "this is not JSON here",
                      "a JSON document");
  } catch (json::out_of_range const&) {  // it does not say where
    throw shape_error(name, "a number is too large", "numbers up to 1.7e308");
  }
}

json read_document(std::filesystem::path const& file) {
  std::ifstream in{file, std::ios::binary};
  std::stringstream text;
  if (in)
    text << in.rdbuf();
  if (!in || std::filesystem::is_directory(file))
    throw shape_error(file.string(), "the file cannot be read", "a file with a JSON document");
  return parse_document(text.str(), file.string());
}

read_experiment experiment_from(json const& document, std::filesystem::path const& base,
                                std::vector<stage_description> const& known) {
  return reader{document, base, known}.read();
}

void set_path(json& document, std::string const& path, std::string const& value) {
  auto parsed =
      nests_too_deep(value) ? json(json::value_t::discarded) : json::parse(value, nullptr, false);
  json* at = &document;
  std::size_t from = 0;
  while (from <= path.size()) {
    auto const to = std::min(path.find('.', from), path.size());
    auto const key = path.substr(from, to - from);
    from = to + 1;
    if (key.empty())
      throw shape_error("set", "\"" + path + "\" is not allowed",
                        "names joined by dots, such as dataset.limit");
    if (at->is_array()) {
      auto const found = std::find_if(at->begin(), at->end(), [&](json const& item) {
        return item.is_object() && (item.value("name", "") == key ||
                                    (!item.contains("name") && item.value("stage", "") == key));
      });
      bool const number =
          key.find_first_not_of("0123456789") == std::string::npos && key.size() < 6;
      if (found != at->end())
        at = &*found;
      else if (number && std::stoul(key) < at->size())
        at = &(*at)[std::stoul(key)];
      else
        throw shape_error("set." + path, "\"" + key + "\" is no element",
                          "the name or position of one of " + std::to_string(at->size()));
      continue;
    }
    if (at->is_null() || at->is_string())
      *at = json::object();
    if (!at->is_object())
      throw shape_error("set." + path, "\"" + key + "\" has no place in " + describe_json(*at),
                        "a path into objects and arrays");
    at = &(*at)[key];
  }
  *at = parsed.is_discarded() ? json(value) : parsed;
}

}  // namespace nsai::stages

#include "stages/experiment.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "messages/bounded_json.hpp"
#include "messages/suggest.hpp"
#include "stages/experiment_file.hpp"
#include "stages/stage.hpp"

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
    for (auto const& [key, value] : document_.items())
      guard("", [&, k = key, v = value] { read_json(json{{k, v}}, file_); });
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

  void read_stages() {
    if (!file_.pipeline.is_array() || file_.pipeline.empty()) {
      fault(usage_error("pipeline", describe_json(file_.pipeline) + " is not allowed",
                        "an array of one or more stages"));
      return;
    }
    for (std::size_t i = 0; i < file_.pipeline.size(); ++i) {
      auto const path = "pipeline[" + std::to_string(i) + "]";
      stage_def def;
      guard(path, [&] { read_json(file_.pipeline[i], def); });
      if (def.name.empty())
        def.name = def.stage;
      if (!def.enabled)
        continue;
      check_stage(def, path);
      paths_.push_back(path);
      stages_.push_back(std::move(def));
    }
  }

  void check_stage(stage_def& def, std::string const& path) {
    if (def.stage.empty()) {
      fault(usage_error(path + ".stage", "nothing was given", "the name of a stage"));
      return;
    }
    for (auto const& other : stages_)
      if (other.name == def.name)
        fault(usage_error(path + ".name", "\"" + def.name + "\" was used before",
                          "a name of its own"));
    auto const found = std::find_if(known_.begin(), known_.end(), [&](stage_description const& d) {
      return d.name == def.stage;
    });
    if (found == known_.end()) {
      std::vector<std::string> names;
      for (auto const& d : known_)
        names.push_back(d.name);
      auto const near = nearest(def.stage, names);
      fault(usage_error(path + ".stage", "\"" + def.stage + "\" is not a stage",
                        near.empty() ? "one of " + joined(names) : near + " (did you mean that?)"));
      return;
    }
    if (auto error = check_options(*found, def.options, path + ".options"))
      fault(std::move(*error));
    if (auto error = complete_and_check(def.resources, path + ".resources"))
      fault(std::move(*error));
    if (auto error = check(def.constraints, path + ".constraints"))
      fault(std::move(*error));
  }

  std::optional<std::size_t> position_of(std::string const& name) const {
    for (std::size_t i = 0; i < stages_.size(); ++i)
      if (stages_[i].name == name)
        return i;
    return std::nullopt;
  }

  /// The predecessors of every stage: those named, else the stage before it.
  void find_predecessors() {
    before_.resize(stages_.size());
    std::vector<std::string> names;
    for (auto const& def : stages_)
      names.push_back(def.name);
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      if (!stages_[i].depends_on) {
        if (i > 0)
          before_[i].push_back(i - 1);
        continue;
      }
      for (auto const& name : *stages_[i].depends_on) {
        if (auto const at = position_of(name)) {
          before_[i].push_back(*at);
          continue;
        }
        auto const near = nearest(name, names);
        fault(usage_error(
            paths_[i] + ".depends_on", "\"" + name + "\" is not an enabled stage of the pipeline",
            near.empty() ? "one of " + joined(names) : near + " (did you mean that?)"));
      }
    }
  }

  /// Predecessors first, otherwise in the order of the file. A cycle is told by its names.
  void order_stages() {
    find_predecessors();
    if (!result_.faults.empty())
      return;
    std::vector<int> mark(stages_.size(), 0);  // 0 unseen, 1 on the path, 2 placed
    std::vector<std::size_t> path;
    std::function<bool(std::size_t)> const place = [&](std::size_t i) {
      if (mark[i] == 2)
        return true;
      if (mark[i] == 1) {
        std::string cycle;
        for (auto at = std::find(path.begin(), path.end(), i); at != path.end(); ++at)
          cycle += stages_[*at].name + " -> ";
        fault(usage_error(paths_[i] + ".depends_on", "the cycle " + cycle + stages_[i].name,
                          "stages without a cycle"));
        return false;
      }
      mark[i] = 1;
      path.push_back(i);
      for (auto const predecessor : before_[i])
        if (!place(predecessor))
          return false;
      path.pop_back();
      mark[i] = 2;
      order_.push_back(i);
      return true;
    };
    for (std::size_t i = 0; i < stages_.size(); ++i)
      if (!place(i))
        return;
    if (stages_.empty())
      fault(usage_error("pipeline", "every stage is disabled", "one enabled stage or more"));
  }

  void build() {
    auto& s = result_.request;
    s.kind = job_kind::composite;
    s.name_space = is_name(file_.type) ? file_.type : "default";
    s.tenant_id = "cns_crucible";
    std::map<std::size_t, std::uint32_t> placed;
    for (auto const i : order_) {
      auto const& def = stages_[i];
      step_spec step{def.name,      def.stage,       json_text::of(def.options),
                     def.resources, def.constraints, {}};
      for (auto const predecessor : before_[i])
        step.after.push_back(placed.at(predecessor));
      placed[i] = static_cast<std::uint32_t>(s.pipeline.size());
      s.pipeline.push_back(std::move(step));
    }
    context start;
    start.experiment = {{"id", file_.id},
                        {"name", file_.name},
                        {"type", file_.type},
                        {"backend", file_.backend.id},
                        {"dataset", file_.dataset},
                        {"metadata", file_.metadata},
                        {"base_dir", base_.string()}};
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
  std::vector<stage_def> stages_;
  std::vector<std::string> paths_;
  std::vector<std::vector<std::size_t>> before_;
  std::vector<std::size_t> order_;
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

#include "store/contexts.hpp"

#include <algorithm>
#include <iterator>

#include "store/encoding.hpp"

namespace nsai::store {
namespace {

/// A pipeline without a cycle is never deeper than it is long; 10,000 stages are far beyond any.
constexpr int deepest = 10'000;

json object_of(std::string const& context) {
  return context.empty() ? json::object() : json_text{context}.value();
}

/// The same context after the stage `name`.
std::string completed(std::string const& context, std::string const& name,
                      std::string const& result) {
  if (name.empty())
    return context;
  auto after = object_of(context);
  if (!result.empty())
    after["outputs"][name] = json_text{result}.value();
  auto& stages = after["completed_stages"];
  if (!stages.is_array())
    stages = json::array();
  if (std::find(stages.begin(), stages.end(), name) == stages.end())
    stages.push_back(name);
  return json_text::of(after).text;
}

}  // namespace

std::vector<job_id> contexts::inputs::predecessors() const {
  std::vector<job_id> all;
  if (parent)
    for (auto const position : decode<std::vector<std::uint32_t>>(after, "after"))
      all.push_back({parent.value + 1 + position});
  return all;
}

payload contexts::payload_of(job_id job) {
  payload result{job, {}, {}};
  auto const start = read(job, &result.options.text);
  known passed;
  result.context.text = start_of(start, passed, 0);
  return result;
}

std::string contexts::merged(job_id parent, std::vector<job_id> const& children) {
  known passed;
  auto const whole = read(parent, nullptr);
  auto const base = with_outputs(whole.context, whole.rules);
  return joined({children.begin(), children.end()}, base, passed, 0);
}

contexts::inputs contexts::read(job_id job, std::string* options) {
  sqlite::cursor row(read_, job);
  if (!row.step())
    throw store_error("store: reading the payload of job " + std::to_string(job.value) +
                      ": there is no such job");
  if (options != nullptr)
    *options = row.text(4);
  return {row.text(0),           row.text(1), row.text(8), row.text(2),
          job_id{row.number(3)}, row.text(5), row.text(6), row.text(7)};
}

std::string contexts::with_outputs(std::string const& base, std::string const& rules) {
  bool const depends = rules.find("\"depends_on\"") != std::string::npos ||
                       rules.find("\"after_any\"") != std::string::npos;
  if (!depends)
    return base;
  auto const c = decode<constraints>(rules, "constraints");
  auto all = c.depends_on;
  all.insert(all.end(), c.after_any.begin(), c.after_any.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  auto merged = base;
  json outputs = json::object();
  json described = json::object();
  for (auto const job : all) {
    sqlite::cursor row(output_, job);
    if (!row.step())
      continue;
    auto const status = static_cast<std::size_t>(row.integer(0));
    auto name = row.text(3);
    if (name.empty() || described.contains(name))
      name = std::to_string(job.value);
    described[name] = {{"job", job}, {"status", enum_names(job_status{}).at(status)}};
    if (auto const left = row.text(2); !left.empty())
      merged = merge({}, merged, left);
    if (auto const result = row.text(1); !result.empty())
      outputs[name] = json_text{result}.value();
  }
  json more;
  if (!described.empty())
    more["inputs"] = {{"dependencies", described}};
  if (!outputs.empty())
    more["outputs"] = outputs;
  return more.empty() ? merged : merge({}, merged, json_text::of(more).text);
}

std::string contexts::start_of(inputs const& of, known& passed, int depth) {
  auto const base = with_outputs(of.context, of.parent_rules);
  auto const before = of.predecessors();
  return with_outputs(joined({before.begin(), before.end()}, base, passed, depth), of.rules);
}

std::string contexts::joined(family const& heads, std::string const& base, known& passed,
                             int depth) {
  if (heads.empty())
    return base;
  auto all = passed_on(*heads.begin(), passed, depth + 1);
  if (heads.size() == 1)
    return all;
  auto seen = with_ancestors(*heads.begin());
  for (auto head = std::next(heads.begin()); head != heads.end(); ++head) {
    auto const theirs = with_ancestors(*head);
    family common;
    std::set_intersection(seen.begin(), seen.end(), theirs.begin(), theirs.end(),
                          std::inserter(common, common.end()));
    if (common.size() == seen.size())  // it has seen all that the others did
      all = passed_on(*head, passed, depth + 1);
    else if (common.size() < theirs.size())
      all = merge(joined(heads_of(common), base, passed, depth + 1), all,
                  passed_on(*head, passed, depth + 1));
    seen.insert(theirs.begin(), theirs.end());
  }
  return all;
}

std::string const& contexts::passed_on(job_id job, known& passed, int depth) {
  if (auto const found = passed.find(job); found != passed.end())
    return found->second;
  auto const from = read(job, nullptr);
  if (depth > deepest)
    throw store_error("store: the stages of experiment " + std::to_string(from.parent.value) +
                      " come after each other in a circle");
  auto text = from.context_out.empty()
                  ? completed(start_of(from, passed, depth), from.name, from.result)
                  : completed(from.context_out, from.name, {});
  return passed.emplace(job, std::move(text)).first->second;
}

contexts::family contexts::with_ancestors(job_id job) {
  family all{job};
  for (std::vector<job_id> open{job}; !open.empty();) {
    auto const next = read(open.back(), nullptr).predecessors();
    open.pop_back();
    for (auto const each : next)
      if (all.insert(each).second)
        open.push_back(each);
  }
  return all;
}

/// Those that no other one comes after.
contexts::family contexts::heads_of(family all) {
  for (auto const job : family(all))
    if (all.contains(job))
      for (auto const ancestor : with_ancestors(job))
        if (ancestor != job)
          all.erase(ancestor);
  return all;
}

std::string contexts::merge(std::string const& ancestor, std::string const& first,
                            std::string const& second) const {
  if (!options_.merge_contexts)
    throw store_error(
        "store: contexts have to be merged, but the store was opened without a way to");
  return options_.merge_contexts(ancestor, first, second);
}

}  // namespace nsai::store

#include "store/contexts.hpp"

#include <algorithm>

#include "store/encoding.hpp"

namespace nsai::store {

payload contexts::payload_of(job_id job) {
  payload result{job, {}, {}};
  auto const start = read(job, &result.options.text);
  known passed;
  result.context.text = start_of(start, passed, 0);
  return result;
}

std::string contexts::merged(job_id parent, std::vector<job_id> const& children) {
  known passed;
  std::vector<std::string> texts;
  for (auto const child : children)
    texts.push_back(passed_on(child, passed, 0));
  return merge(base_of(read(parent, nullptr)), texts);
}

contexts::inputs contexts::read(job_id job, std::string* options) {
  sqlite::cursor row(read_, job);
  if (!row.step())
    throw store_error("store: reading the payload of job " + std::to_string(job.value) +
                      ": there is no such job");
  if (options != nullptr)
    *options = row.text(4);
  return {row.text(0), row.text(1), row.text(2), job_id{row.number(3)},
          row.text(5), row.text(6), row.text(7)};
}

std::string contexts::base_of(inputs const& of) {
  return with_outputs(with_outputs(of.context, of.parent_rules), of.rules);
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
  std::vector<std::string> texts;
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
      texts.push_back(left);
    if (auto const result = row.text(1); !result.empty())
      outputs[name] = json_text{result}.value();
  }
  json more;
  if (!described.empty())
    more["inputs"] = {{"dependencies", described}};
  if (!outputs.empty())
    more["outputs"] = outputs;
  if (!more.empty())
    texts.push_back(json_text::of(more).text);
  return merge(base, texts);
}

std::string contexts::start_of(inputs const& of, known& passed, int depth) {
  // A pipeline without a cycle is never deeper than it is long; 10,000 stages are far beyond any.
  constexpr int deepest = 10'000;
  if (depth > deepest)
    throw store_error("store: the stages of experiment " + std::to_string(of.parent.value) +
                      " come after each other in a circle");
  auto const after = decode<std::vector<std::uint32_t>>(of.after, "after");
  auto const base = base_of(of);
  if (after.empty() || !of.parent)
    return base;
  std::vector<std::string> texts;
  for (auto const position : after)
    texts.push_back(passed_on({of.parent.value + 1 + position}, passed, depth + 1));
  return merge(base, texts);
}

std::string const& contexts::passed_on(job_id job, known& passed, int depth) {
  if (auto const found = passed.find(job); found != passed.end())
    return found->second;
  auto const from = read(job, nullptr);
  auto text = completed(from.context_out.empty() ? start_of(from, passed, depth) : from.context_out,
                        from.name);
  return passed.emplace(job, std::move(text)).first->second;
}

std::string contexts::merge(std::string const& base, std::vector<std::string> const& of) const {
  if (of.empty())
    return base;
  if (!options_.merge_contexts)
    throw store_error(
        "store: contexts have to be merged, but the store was opened without a way to");
  return options_.merge_contexts(base, of);
}

std::string contexts::completed(std::string const& context, std::string const& stage) const {
  if (stage.empty())
    return context;
  return merge(context, {json{{"completed_stages", {stage}}}.dump()});
}

}  // namespace nsai::store

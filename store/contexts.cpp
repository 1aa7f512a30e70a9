#include "store/contexts.hpp"

#include <algorithm>
#include <map>

#include "store/encoding.hpp"

namespace nsai::store {
namespace {

using positions = std::vector<std::uint32_t>;

/// Of what the store holds itself; results of programs that were put into it make it nest deeper
/// than what comes from outside may. What is no object counts as an empty one.
json object_of(std::string const& text) {
  auto parsed = text.empty() ? json::object() : json::parse(text, nullptr, false);
  return parsed.is_object() ? parsed : json::object();
}

json& object_in(json& context, char const* member) {
  auto& at = context[member];
  if (!at.is_object())
    at = json::object();
  return at;
}

/// Results go from step to step with the context; a large one stays in its job's record.
json passed_result(job_id job, std::string const& text) {
  constexpr std::size_t most = 256 * 1024;
  if (text.size() > most)
    return {{"job", job}, {"bytes", text.size()}};
  auto value = json::parse(text, nullptr, false);
  return value.is_discarded() ? json{} : value;
}

std::string text_of(json const& context) {
  return context.empty() ? std::string{}
                         : context.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

/// The steps of one experiment, and what was found out about them. An ancestor stands before.
struct contexts::pipeline {
  job_id parent;
  json base;
  std::vector<positions> after;
  std::vector<bool> has_context;
  std::vector<std::vector<bool>> family;  // of each step: itself and its ancestors
  std::map<std::uint32_t, json> passed;
  std::map<positions, json> joins;

  job_id job(std::uint32_t step) const { return {parent.value + 1 + step}; }

  /// Those that no other one comes after.
  positions heads_of(std::vector<bool> const& all) const {
    std::vector<bool> covered(all.size(), false);
    positions heads;
    for (auto step = static_cast<std::uint32_t>(all.size()); step-- > 0;) {
      if (!all[step] || covered[step])
        continue;
      heads.push_back(step);
      for (std::uint32_t i = 0; i <= step; ++i)
        covered[i] = covered[i] || family[step][i];
    }
    std::reverse(heads.begin(), heads.end());
    return heads;
  }
};

payload contexts::payload_of(job_id job) {
  payload result{job, {}, {}};
  auto const of = read(job, &result.options.text);
  auto const base = with_outputs(object_of(of.context), of.parent_rules);
  if (!of.parent) {
    result.context.text = text_of(with_outputs(base, of.rules));
    return result;
  }
  auto in = pipeline_of(of.parent, base);
  auto const step = static_cast<std::uint32_t>(job.value - of.parent.value - 1);
  result.context.text = text_of(start_of(in, step, of));
  return result;
}

std::string contexts::merged(job_id parent, std::vector<job_id> const& children) {
  auto const whole = read(parent, nullptr);
  auto in = pipeline_of(parent, with_outputs(object_of(whole.context), whole.rules));
  positions heads;
  for (auto const child : children)
    heads.push_back(static_cast<std::uint32_t>(child.value - parent.value - 1));
  prepare(in, heads);
  return text_of(joined(in, heads));
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

contexts::pipeline contexts::pipeline_of(job_id parent, json base) {
  pipeline in;
  in.parent = parent;
  in.base = std::move(base);
  for (sqlite::cursor row(steps_, parent); row.step();) {
    in.after.push_back(decode<positions>(row.view(0), "after"));
    in.has_context.push_back(row.integer(1) != 0);
  }
  in.family.assign(in.after.size(), std::vector<bool>(in.after.size(), false));
  for (std::uint32_t step = 0; step < in.after.size(); ++step) {
    in.family[step][step] = true;
    std::erase_if(in.after[step], [&](auto const before) { return before >= step; });
    for (auto const before : in.after[step])
      for (std::uint32_t i = 0; i <= before; ++i)
        in.family[step][i] = in.family[step][i] || in.family[before][i];
  }
  return in;
}

json contexts::with_outputs(json base, std::string const& rules) {
  bool const depends = rules.find("\"depends_on\"") != std::string::npos ||
                       rules.find("\"after_any\"") != std::string::npos;
  if (!depends)
    return base;
  auto const c = decode<constraints>(rules, "constraints");
  auto all = c.depends_on;
  all.insert(all.end(), c.after_any.begin(), c.after_any.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
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
      merge(base, json::object(), object_of(left));
    if (auto const result = row.text(1); !result.empty())
      outputs[name] = passed_result(job, result);
  }
  if (!described.empty())
    merge(base, json::object(), {{"inputs", {{"dependencies", described}}}});
  if (!outputs.empty())
    merge(base, json::object(), {{"outputs", outputs}});
  return base;
}

json contexts::start_of(pipeline& in, std::uint32_t step, inputs const& of) {
  auto const before = step < in.after.size() ? in.after[step] : positions{};
  prepare(in, before);
  return with_outputs(joined(in, before), of.rules);
}

void contexts::prepare(pipeline& in, positions const& heads) {
  std::vector<bool> wanted(in.after.size(), false);
  for (auto open = heads; !open.empty();) {
    auto const step = open.back();
    open.pop_back();
    if (wanted[step] || in.passed.contains(step))
      continue;
    wanted[step] = true;
    if (!in.has_context[step])
      open.insert(open.end(), in.after[step].begin(), in.after[step].end());
  }
  for (std::uint32_t step = 0; step < wanted.size(); ++step)
    if (wanted[step] && !in.has_context[step])
      passed_on(in, step);
}

json const& contexts::joined(pipeline& in, positions heads) {
  std::vector<bool> all(in.after.size(), false);
  for (auto const head : heads)
    all[head] = true;
  heads = in.heads_of(all);
  if (heads.empty())
    return in.base;
  if (heads.size() == 1)
    return passed_on(in, heads.front());
  if (auto const known = in.joins.find(heads); known != in.joins.end())
    return known->second;
  auto merged = passed_on(in, heads.front());
  auto seen = in.family[heads.front()];
  for (auto head = std::next(heads.begin()); head != heads.end(); ++head) {
    auto const& theirs = in.family[*head];
    std::vector<bool> common(seen.size(), false);
    for (std::size_t i = 0; i < seen.size(); ++i)
      common[i] = seen[i] && theirs[i];
    merge(merged, joined(in, in.heads_of(common)), passed_on(in, *head));
    for (std::size_t i = 0; i < seen.size(); ++i)
      seen[i] = seen[i] || theirs[i];
  }
  return in.joins.emplace(std::move(heads), std::move(merged)).first->second;
}

json const& contexts::passed_on(pipeline& in, std::uint32_t step) {
  if (auto const found = in.passed.find(step); found != in.passed.end())
    return found->second;
  auto const from = read(in.job(step), nullptr);
  auto after = from.context_out.empty() ? start_of(in, step, from) : object_of(from.context_out);
  if (from.context_out.empty() && !from.name.empty() && !from.result.empty())
    object_in(after, "outputs")[from.name] = passed_result(in.job(step), from.result);
  if (!from.name.empty()) {
    auto& complete = after["completed_stages"];
    if (!complete.is_array())
      complete = json::array();
    if (std::find(complete.begin(), complete.end(), from.name) == complete.end())
      complete.push_back(from.name);
  }
  // A step that was taken over from another run is one of this run now.
  if (auto const run = in.base.find("experiment"); run != in.base.end())
    after["experiment"] = *run;
  return in.passed.emplace(step, std::move(after)).first->second;
}

void contexts::merge(json& first, json const& ancestor, json const& second) const {
  if (!options_.merge_contexts)
    throw store_error(
        "store: contexts have to be merged, but the store was opened without a way to");
  options_.merge_contexts(first, ancestor, second);
}

}  // namespace nsai::store

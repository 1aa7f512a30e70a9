#include <algorithm>
#include <charconv>

#include "store/reader.hpp"

namespace nsai::store {
namespace {

std::string numbers(std::vector<job_status> const& statuses) {
  std::string list;
  for (auto const each : statuses)
    list += (list.empty() ? "" : ", ") + std::to_string(static_cast<int>(each));
  return list;
}

std::int64_t number_or_zero(std::string const& text) {
  std::int64_t value = 0;
  auto const [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  return fault == std::errc() && end == text.data() + text.size() ? value : 0;
}

/// From the narrowest set that the filter names: an experiment, the unfinished jobs, a tenant's,
/// all. Parameters: 1 tenant, 2 namespace, 3 experiment, 4 the same as a number, 5 limit.
std::string source(list_jobs const& filter) {
  bool const unfinished = !filter.statuses.empty() &&
                          std::none_of(filter.statuses.begin(), filter.statuses.end(), is_terminal);
  if (!filter.experiment.empty())
    return "FROM jobs j JOIN payloads p ON p.job = j.payload_of WHERE j.id IN ("
           "SELECT x.id FROM payloads e CROSS JOIN jobs x ON x.id BETWEEN e.job AND e.job + "
           "max(e.children, e.alike) "
           "WHERE e.experiment_id = ?3 UNION "
           "SELECT x.id FROM payloads e CROSS JOIN jobs x ON x.id BETWEEN e.job AND e.job + "
           "e.children "
           "WHERE e.job = ?4) ";
  if (unfinished)
    return std::string("FROM ") + unfinished_jobs +
           "CROSS JOIN payloads p ON p.job = j.payload_of WHERE j.status < 3 ";
  if (!filter.tenant_id.empty())
    return "FROM payloads p INDEXED BY payloads_tenant CROSS JOIN jobs j "
           "ON j.id BETWEEN p.job AND p.job + max(p.children, p.alike) AND j.payload_of = p.job "
           "WHERE true ";
  return "FROM jobs j CROSS JOIN payloads p ON p.job = j.payload_of WHERE true ";
}

}  // namespace

std::vector<job_record> reader::list(list_jobs const& filter) {
  bool const by_tenant = !filter.tenant_id.empty();
  auto rest = source(filter);
  if (by_tenant)
    rest += "AND p.tenant = ?1 ";
  if (!filter.name_space.empty())
    rest += "AND p.namespace = ?2 ";
  if (!filter.statuses.empty())
    rest += "AND j.status IN (" + numbers(filter.statuses) + ") ";
  if (filter.kind)
    rest += "AND j.kind = " + std::to_string(static_cast<int>(*filter.kind)) + " ";
  // Families have numbers without a gap, so all orders are the same; each follows its source.
  rest += rest.starts_with("FROM payloads")     ? "ORDER BY p.job DESC, j.id DESC LIMIT ?5"
          : rest.starts_with("FROM unfinished") ? "ORDER BY u.page DESC, j.id DESC LIMIT ?5"
                                                : "ORDER BY j.id DESC LIMIT ?5";
  auto const sql = job_query(rest);
  sqlite::statement query(on_, sql.c_str(), "listing jobs");
  std::vector<job_record> found;
  for (sqlite::cursor row(query, filter.tenant_id, filter.name_space, filter.experiment,
                          number_or_zero(filter.experiment), filter.limit);
       row.step();)
    found.push_back(job_of(row, texts::left_out).record);
  return found;
}

std::optional<submission> reader::as_submission(job_id job) {
  auto const found = whole(job, texts::included);
  if (!found)
    return std::nullopt;
  auto const& r = found->record;
  submission s;
  s.tenant_id = r.tenant_id;
  s.name_space = r.name_space;
  s.owner = r.owner;
  s.kind = r.kind;
  s.priority = r.priority;
  s.tags = r.tags;
  s.stage = r.stage;
  s.options = r.options;
  // A child, or one that depended on others, starts with what it would have got from them.
  s.context =
      r.parent_id || dependencies_of(r.constraints) > 0 ? flow_.payload_of(job).context : r.context;
  s.unique = r.unique;
  if (!r.parent_id)
    s.name = r.name;
  s.resources = r.resources;
  s.constraints = r.constraints;
  s.metadata = r.metadata;
  s.trace_id = r.trace_id;
  s.retry_of = job;
  if (found->array)
    s.array = unsuccessful(job, *found->array);
  else if (r.nodes)
    s.nodes = static_cast<std::int32_t>(*r.nodes);
  else if (found->children > 0)
    s.pipeline = pipeline_of(job);
  else if (r.array_index)
    s.array = array_spec{.indices = {*r.array_index}};
  return s;
}

array_spec reader::unsuccessful(job_id parent, array_spec spec) {
  std::vector<std::int64_t> indices;
  for (sqlite::cursor row(children_, parent); row.step();)
    if (row.integer(1) != static_cast<std::int64_t>(job_status::succeeded))
      indices.push_back(row.integer(2));
  if (!indices.empty())
    spec.indices = std::move(indices);
  return spec;
}

std::vector<step_spec> reader::pipeline_of(job_id parent) {
  std::vector<step_spec> steps;
  for (auto const child : children(parent)) {
    auto const found = whole(child, texts::included);
    if (!found)
      continue;
    auto const& r = found->record;
    // What it took over from a run before is taken over again, if it is still there.
    bool const reused = r.retry_of && r.attempt == 0 && r.status == job_status::succeeded &&
                        whole(*r.retry_of, texts::left_out);
    steps.push_back({r.name, r.stage, r.options, r.resources, r.constraints, found->after,
                     r.priority, reused ? *r.retry_of : job_id{}});
  }
  return steps;
}

}  // namespace nsai::store

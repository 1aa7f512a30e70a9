#include "stages/work_job.hpp"

#include <cctype>

#include "stages/option_list.hpp"

namespace nsai::stages {
namespace {

class work_job final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "work_job";
    d.summary = "delegates a stage as a job with its own priority, resources, timeout and retries";
    auto module = option("stage_module", "string", nullptr,
                         "the stage; a module's name is taken for it: X.ProposerMetrics");
    module.required = true;
    auto priority = option("priority", "string", nullptr, "of the job; default: the experiment's");
    priority.choices = enum_names(nsai::priority{});
    d.options = {
        module,
        option("stage_opts", "object", json::object(), "options of the stage"),
        priority,
        option("resources", "object", nullptr, "cpu, memory_mb, gpu, gpu_count, ..."),
        option("constraints", "object", nullptr, "max_retries, timeout_ms, retry_backoff_ms, ..."),
        at_least(option("timeout_ms", "integer", nullptr, "of one attempt"), 0),
        at_least(option("max_retries", "integer", nullptr, "failures allowed beyond the first"), 0),
        at_least(option("retry_backoff_ms", "integer", nullptr, "delay before the first retry"), 0),
        option(
            "async", "boolean", false,
            "what follows does not wait for it; an await_jobs stage or the end of the run does")};
    return d;
  }

  outcome run(context, json const&, stage_env&) const override {
    return outcome::failure(
        "not_delegated",
        "work_job: it is replaced by its stage when it is submitted; expected a "
        "submission through a scheduler or an experiment file",
        false);
  }
};

class await_jobs final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "await_jobs";
    d.summary = "waits for async work_jobs of the pipeline and merges their contexts";
    d.options = {option("jobs", "array", json::array(),
                        "names of the work_jobs; default: all before it that nothing waits for")};
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    auto const found = ctx.assigns.find("conflicts");
    auto const conflicts = found == ctx.assigns.end() ? json::array() : *found;
    if (env.log)
      for (auto const& each : conflicts)
        env.log("the contexts do not agree: " +
                each.dump(-1, ' ', false, json::error_handler_t::replace));
    return outcome::success({{"jobs", options.at("jobs")}, {"conflicts", conflicts}},
                            std::move(ctx));
  }
};

template <class T>
void take(json const& options, char const* name, T& to, std::string const& path,
          std::vector<error_info>& faults) {
  auto const given = options.find(name);
  if (given == options.end())
    return;
  try {
    read_json(*given, to);
  } catch (shape_error const& e) {
    faults.push_back(usage_error(e.inside(path + "." + name)));
  }
}

}  // namespace

std::string stage_of_module(std::string const& name) {
  auto const dot = name.rfind('.');
  auto const last = dot == std::string::npos ? name : name.substr(dot + 1);
  std::string stage;
  for (std::size_t i = 0; i < last.size(); ++i) {
    auto const c = static_cast<unsigned char>(last[i]);
    bool const begins = std::isupper(c) != 0 && i > 0 &&
                        (std::islower(static_cast<unsigned char>(last[i - 1])) != 0 ||
                         std::isdigit(static_cast<unsigned char>(last[i - 1])) != 0);
    if (begins)
      stage += '_';
    stage += static_cast<char>(std::tolower(c));
  }
  bool const is_module = !last.empty() && std::isupper(static_cast<unsigned char>(last[0])) != 0;
  return is_module ? stage : name;
}

std::vector<error_info> delegate(delegation& d, std::string const& path) {
  static auto const description = make_work_job()->describe();
  std::vector<error_info> faults;
  while (d.stage == description.name) {
    auto options = std::move(d.options);
    faults = check_all_options(description, options, path + d.options_field);
    if (!faults.empty())
      return faults;
    d.stage = stage_of_module(options.at("stage_module").get<std::string>());
    take(options, "priority", d.priority, path + d.options_field, faults);
    take(options, "resources", d.resources, path + d.options_field, faults);
    take(options, "constraints", d.constraints, path + d.options_field, faults);
    take(options, "timeout_ms", d.constraints.timeout_ms, path + d.options_field, faults);
    take(options, "max_retries", d.constraints.max_retries, path + d.options_field, faults);
    take(options, "retry_backoff_ms", d.constraints.retry_backoff_ms, path + d.options_field,
         faults);
    d.async = d.async || options.at("async").get<bool>();
    d.options = options.at("stage_opts");
    if (!faults.empty())
      return faults;
    d.stage_field = d.options_field + ".stage_module";
    d.options_field += ".stage_opts";
  }
  return faults;
}

std::unique_ptr<stage> make_work_job() {
  return std::make_unique<work_job>();
}

std::unique_ptr<stage> make_await_jobs() {
  return std::make_unique<await_jobs>();
}

}  // namespace nsai::stages

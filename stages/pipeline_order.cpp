#include "stages/pipeline_order.hpp"

#include <algorithm>
#include <functional>

#include "messages/suggest.hpp"

namespace nsai::stages {
namespace {

class orderer {
 public:
  explicit orderer(std::vector<pipeline_entry> const& entries) : entries_(entries) {
    for (auto const& each : entries_)
      names_.push_back(each.name);
  }

  pipeline_order run() {
    result_.before.resize(entries_.size());
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      find_predecessors(i);
      if (entries_[i].awaits)
        find_awaited(i);
    }
    if (result_.faults.empty())
      place_all();
    return std::move(result_);
  }

 private:
  void find_predecessors(std::size_t i) {
    auto& before = result_.before[i];
    if (entries_[i].depends_on) {
      for (auto const& name : *entries_[i].depends_on)
        if (auto const at = find(name, entries_[i].path + ".depends_on"))
          before.push_back(*at);
      return;
    }
    for (auto at = i; at-- > 0;)
      if (!entries_[at].async) {
        before.push_back(at);
        return;
      }
  }

  void find_awaited(std::size_t i) {
    auto const path = entries_[i].path + ".options.jobs";
    std::vector<std::size_t> all;
    for (auto const& name : entries_[i].jobs) {
      auto const at = find(name, path);
      if (at && !entries_[*at].async)
        result_.faults.push_back(usage_error(path, "\"" + name + "\" is not async",
                                             "work_jobs of this pipeline that are async"));
      else if (at)
        all.push_back(*at);
    }
    if (entries_[i].jobs.empty()) {
      for (std::size_t at = 0; at < i; ++at)
        if (entries_[at].async && !awaited_[at])
          all.push_back(at);
      if (all.empty())
        result_.faults.push_back(usage_error(
            path, "no work_job before this entry is async, or others wait for all of them",
            "work_jobs with \"async\": true before it"));
    }
    for (auto const at : all) {
      awaited_[at] = true;
      auto& before = result_.before[i];
      if (std::find(before.begin(), before.end(), at) == before.end())
        before.push_back(at);
    }
  }

  std::optional<std::size_t> find(std::string const& name, std::string const& path) {
    auto const at = std::find(names_.begin(), names_.end(), name);
    if (at != names_.end())
      return static_cast<std::size_t>(at - names_.begin());
    auto const near = nearest(name, names_);
    result_.faults.push_back(
        usage_error(path, "\"" + name + "\" is not an enabled stage of the pipeline",
                    near.empty() ? "one of " + joined(names_) : near + " (did you mean that?)"));
    return std::nullopt;
  }

  /// Predecessors first, otherwise in the order of the file. A cycle is told by its names.
  void place_all() {
    std::vector<int> mark(entries_.size(), 0);  // 0 unseen, 1 on the path, 2 placed
    std::vector<std::size_t> path;
    std::function<bool(std::size_t)> const place = [&](std::size_t i) {
      if (mark[i] == 2)
        return true;
      if (mark[i] == 1) {
        std::string cycle;
        for (auto at = std::find(path.begin(), path.end(), i); at != path.end(); ++at)
          cycle += names_[*at] + " -> ";
        result_.faults.push_back(usage_error(entries_[i].path + ".depends_on",
                                             "the cycle " + cycle + names_[i],
                                             "stages without a cycle"));
        return false;
      }
      mark[i] = 1;
      path.push_back(i);
      for (auto const predecessor : result_.before[i])
        if (!place(predecessor))
          return false;
      path.pop_back();
      mark[i] = 2;
      result_.order.push_back(i);
      return true;
    };
    for (std::size_t i = 0; i < entries_.size(); ++i)
      if (!place(i))
        return;
  }

  std::vector<pipeline_entry> const& entries_;
  std::vector<std::string> names_;
  std::vector<bool> awaited_ = std::vector<bool>(entries_.size(), false);
  pipeline_order result_;
};

}  // namespace

pipeline_order order_pipeline(std::vector<pipeline_entry> const& entries) {
  return orderer{entries}.run();
}

}  // namespace nsai::stages

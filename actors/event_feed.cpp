#include "actors/event_feed.hpp"

#include <algorithm>

#include <caf/all.hpp>
#include <fnmatch.h>

#include "messages/caf_inspection.hpp"

namespace nsai::actors {
namespace {

constexpr std::size_t most_recent = 10'000;
constexpr std::uint64_t most_ahead = 20'000;

char const* name_of(scheduling::happening what) {
  using h = scheduling::happening;
  switch (what) {
    case h::job_submitted:
      return "work.job.submitted";
    case h::job_queued:
      return "work.job.queued";
    case h::job_started:
      return "work.job.started";
    case h::job_progress:
      return "work.job.progress";
    case h::job_completed:
      return "work.job.completed";
    case h::job_failed:
      return "work.job.failed";
    case h::job_canceled:
      return "work.job.canceled";
    case h::job_retry:
      return "work.job.retry";
    case h::node_joined:
      return "work.node.joined";
    case h::node_suspect:
      return "work.node.suspect";
    case h::node_lost:
      return "work.node.lost";
    case h::node_left:
      return "work.node.left";
  }
  return "work.unknown";
}

event event_of(occurrence const& o, std::uint64_t sequence) {
  using what = scheduling::happening;
  auto const& h = o.what;
  event e;
  e.sequence = sequence;
  e.at = o.at;
  e.name = name_of(h.what);
  e.job = h.job;
  e.attempt = h.attempt;
  e.node = h.node;
  e.detail = h.detail;
  e.measurements["count"] = 1;
  if (h.what == what::job_retry)
    e.measurements["delay_ms"] = h.duration_ms;
  else if (h.what == what::job_completed || h.what == what::job_failed ||
           h.what == what::job_canceled)
    e.measurements["duration_ms"] = h.duration_ms;
  else if (h.what == what::job_started)
    e.measurements["queue_ms"] = h.queue_ms;
  else if (h.what == what::job_progress)
    e.measurements["progress_permille"] = h.fraction.value;
  if (o.label != nullptr) {
    e.tenant_id = o.label->tenant_id;
    e.name_space = o.label->name_space;
    e.experiment_id = o.label->experiment_id;
    e.experiment_type = o.label->experiment_type;
    e.stage_name = o.label->stage_name;
  }
  return e;
}

}  // namespace

std::uint32_t label_table::intern(job_label label) {
  auto const [at, fresh] =
      numbers_.try_emplace(std::move(label), static_cast<std::uint32_t>(labels_.size()));
  if (fresh)
    labels_.push_back(&at->first);
  return at->second;
}

job_label label_of(submission const& s, std::string const& stage) {
  job_label label{s.tenant_id, s.name_space, {}, {}, stage};
  if (s.metadata.empty())
    return label;
  auto const metadata = s.metadata.value();
  auto const text = [&](char const* key) {
    auto const found = metadata.find(key);
    return found != metadata.end() && found->is_string() ? found->get<std::string>()
                                                         : std::string{};
  };
  if (metadata.is_object()) {
    label.experiment_id = text("experiment_id");
    label.experiment_type = text("experiment_type");
  }
  return label;
}

bool name_matches(std::string const& pattern, std::string const& name) {
  return pattern.empty() || ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

bool event_feed::matches(watch_events const& wish, occurrence const& o) {
  bool const visible =
      wish.tenant_id.empty() || o.label == nullptr || o.label->tenant_id == wish.tenant_id;
  return visible && name_matches(wish.pattern, name_of(o.what.what));
}

void event_feed::publish(caf::event_based_actor* self, std::vector<occurrence>&& list) {
  for (auto& s : subscribers_) {
    events mail;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!matches(s.wish, list[i]))
        continue;
      if (s.unconfirmed >= most_ahead) {
        ++s.dropped;
        continue;
      }
      mail.list.push_back(event_of(list[i], sequence_ + i + 1));
      ++s.unconfirmed;
    }
    if (mail.list.empty())
      continue;
    mail.dropped = std::exchange(s.dropped, 0);
    s.sent = mail.list.back().sequence;
    self->send(s.to, std::move(mail));
  }
  sequence_ += list.size();
  auto const skipped = list.size() > most_recent ? list.size() - most_recent : 0;
  for (auto i = skipped; i < list.size(); ++i) {
    if (recent_.size() == most_recent)
      recent_.pop_front();
    recent_.push_back(std::move(list[i]));
  }
}

events event_feed::subscribe(watch_events const& wish, caf::actor const& who) {
  events answer;
  auto sequence = sequence_ - recent_.size();
  for (auto const& o : recent_) {
    ++sequence;
    if (sequence > wish.after && matches(wish, o))
      answer.list.push_back(event_of(o, sequence));
  }
  if (wish.follow && who) {
    forget(who.address());
    subscribers_.push_back({who, wish, sequence_, sequence_, 0, 0});
  }
  return answer;
}

void event_feed::confirm(caf::actor_addr const& who, std::uint64_t sequence) {
  for (auto& s : subscribers_) {
    if (s.to.address() != who)
      continue;
    s.confirmed = std::max(s.confirmed, sequence);
    if (s.confirmed >= s.sent)
      s.unconfirmed = 0;
  }
}

void event_feed::forget(caf::actor_addr const& who) {
  std::erase_if(subscribers_, [&](subscriber const& s) { return s.to.address() == who; });
}

}  // namespace nsai::actors

#include "actors/event_feed.hpp"

#include <algorithm>

#include <caf/all.hpp>
#include <fnmatch.h>

#include "messages/caf_inspection.hpp"

namespace nsai::actors {
namespace {

constexpr std::size_t most_recent = 100'000;
/// What one who names no number is shown of them.
constexpr std::size_t usual_recent = 10'000;
constexpr std::size_t most_in_message = 1000;
constexpr std::size_t most_messages_ahead = 4;

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
  auto const skipped = list.size() > most_recent ? list.size() - most_recent : 0;
  auto const together = recent_.size() + list.size() - skipped;
  if (together > most_recent)
    recent_.erase(recent_.begin(),
                  recent_.begin() + static_cast<std::ptrdiff_t>(together - most_recent));
  for (auto i = skipped; i < list.size(); ++i)
    recent_.push_back(std::move(list[i]));
  sequence_ += list.size();
  for (auto& s : subscribers_)
    serve(self, s);
}

std::uint64_t event_feed::start_of(watch_events const& wish) const {
  if (wish.after > sequence_)
    return sequence_ + 1;
  if (wish.after > 0)
    return wish.after + 1;
  return sequence_ + 1 - std::min(recent_.size(), usual_recent);
}

events event_feed::take(watch_events const& wish, std::uint64_t& next, std::size_t most) const {
  events taken;
  // What a start of the scheduler before this one has told, nobody knows any more.
  next = std::max(next, first_);
  if (next < oldest()) {
    taken.dropped = oldest() - next;
    next = oldest();
  }
  for (; next <= sequence_ && taken.list.size() < most; ++next) {
    auto const& o = recent_[static_cast<std::size_t>(next - oldest())];
    if (matches(wish, o))
      taken.list.push_back(event_of(o, next));
  }
  return taken;
}

void event_feed::serve(caf::event_based_actor* self, subscriber& s) const {
  while (s.next <= sequence_ && s.unconfirmed.size() < most_messages_ahead) {
    auto mail = take(s.wish, s.next, most_in_message);
    if (mail.list.empty())
      return;
    s.unconfirmed.push_back(mail.list.back().sequence);
    self->send(s.to, std::move(mail));
  }
}

events event_feed::subscribe(watch_events const& wish, caf::actor const& who) {
  auto next = start_of(wish);
  bool const follows = wish.follow && who;
  auto first = take(wish, next, follows ? most_in_message : most_recent);
  if (follows) {
    forget(who.address());
    auto& s = subscribers_.emplace_back(subscriber{who, wish, next, {}});
    if (!first.list.empty())
      s.unconfirmed.push_back(first.list.back().sequence);
  }
  return first;
}

void event_feed::confirm(caf::event_based_actor* self, caf::actor_addr const& who,
                         std::uint64_t sequence) {
  for (auto& s : subscribers_) {
    if (s.to.address() != who)
      continue;
    while (!s.unconfirmed.empty() && s.unconfirmed.front() <= sequence)
      s.unconfirmed.pop_front();
    serve(self, s);
  }
}

void event_feed::forget(caf::actor_addr const& who) {
  std::erase_if(subscribers_, [&](subscriber const& s) { return s.to.address() == who; });
}

}  // namespace nsai::actors

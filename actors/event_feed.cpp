#include "actors/event_feed.hpp"

#include <algorithm>

#include <caf/all.hpp>

#include "actors/trace_id.hpp"
#include "messages/caf_inspection.hpp"

namespace nsai::actors {
namespace {

constexpr std::size_t most_recent = 100'000;
/// What one who names no number is shown of them.
constexpr std::size_t usual_recent = 10'000;
/// Of one message, for one who follows and for one who does not.
constexpr std::size_t most_in_message = 1000;
constexpr std::size_t most_in_answer = 10'000;
constexpr std::size_t most_messages_ahead = 4;

bool is_handler_name(std::string const& name) {
  constexpr char const* allowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@/";
  return name.size() <= 128 && name.find_first_not_of(allowed) == std::string::npos;
}

void measure(event& e, scheduling::happened const& h) {
  using what = scheduling::happening;
  e.measurements["count"] = 1;
  bool const stop = e.name == "work.backend.crucible.stage.stop";
  auto const ran_ms = h.ran_ms > 0 ? h.ran_ms : h.duration_ms;
  switch (h.what) {
    case what::job_retry:
      if (stop)
        e.measurements["duration_ms"] = h.ran_ms;
      else
        e.measurements["delay_ms"] = h.duration_ms;
      break;
    case what::job_completed:
    case what::job_failed:
    case what::job_canceled:
      if (e.name != "work.queue.dequeue")
        e.measurements["duration_ms"] = ran_ms;
      break;
    case what::job_started:
      e.measurements["queue_ms"] = h.queue_ms;
      break;
    case what::job_progress:
      e.measurements["progress_permille"] = h.progress_permille;
      break;
    default:
      break;
  }
}

error_info handler_error(char const* category, char const* code, std::string const& name,
                         std::string const& what) {
  auto error = error_of(category, code, "handler " + name.substr(0, 128) + ": " + what);
  error.field = "handler";
  return error;
}

}  // namespace

std::uint32_t label_table::intern(job_label label) {
  auto const [at, fresh] =
      numbers_->try_emplace(std::move(label), static_cast<std::uint32_t>(labels_.size()));
  if (fresh)
    labels_.push_back(&at->first);
  return at->second;
}

job_label label_of(submission const& s, std::string const& stage, json_text const& options,
                   std::string const& step) {
  constexpr std::size_t longest_program = 200;
  job_label label{s.tenant_id, s.name_space, {}, {}, stage, {}, step};
  if (stage == "command" && !options.empty())
    if (auto const value = options.value(); value.is_object())
      if (auto const argv = value.find("argv");
          argv != value.end() && argv->is_array() && !argv->empty() && argv->front().is_string())
        label.program = argv->front().get<std::string>().substr(0, longest_program);
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

void event_feed::publish(caf::event_based_actor* self, std::vector<occurrence>&& list) {
  auto const skipped = list.size() > most_recent ? list.size() - most_recent : 0;
  auto const together = recent_.size() + list.size() - skipped;
  if (together > most_recent)
    recent_.erase(recent_.begin(),
                  recent_.begin() + static_cast<std::ptrdiff_t>(together - most_recent));
  for (auto i = skipped; i < list.size(); ++i)
    recent_.push_back(std::move(list[i]));
  last_ += list.size();
  for (auto& s : subscribers_)
    serve(self, s);
}

std::uint64_t event_feed::start_of(watch_events const& wish) const {
  if (wish.after >= end())
    return end();
  if (wish.after > 0)
    return wish.after + 1;
  return sequence_at({last_ + 1 - std::min(recent_.size(), usual_recent), 0});
}

event event_feed::event_of(occurrence const& o, event_place place) const {
  auto const& h = o.what;
  event e;
  e.sequence = sequence_at(place);
  e.at = o.at;
  e.name = name_at(h.what, place.name);
  e.job = h.job;
  e.attempt = h.attempt;
  e.node = h.node;
  e.detail = h.detail;
  measure(e, h);
  if (o.label == nullptr)
    return e;
  e.tenant_id = o.label->tenant_id;
  e.name_space = o.label->name_space;
  e.experiment_id = o.label->experiment_id;
  e.experiment_type = o.label->experiment_type;
  e.stage_name = o.label->step.empty() ? o.label->stage_name : o.label->step;
  if (h.job)
    e.trace_id = o.trace_id ? *o.trace_id : trace_id_of(trace_seed_, h.parent ? h.parent : h.job);
  if (e.name == "work.scheduler.select_backend")
    if (auto const known = backends_.find(o.label->stage_name); known != backends_.end())
      e.detail = known->second;
  return e;
}

events event_feed::take(watch_events const& wish, wanted_names const& wanted, std::uint64_t& next,
                        std::size_t most) const {
  events taken;
  // What a start of the scheduler before this one has told, nobody knows any more.
  next = std::max(next, sequence_at({first_, 0}));
  if (auto const oldest_kept = sequence_at({oldest(), 0}); next < oldest_kept) {
    taken.dropped = (oldest() - place_of(next).occurrence) * wanted.most_a_piece();
    next = oldest_kept;
  }
  auto at = place_of(next);
  while (at.occurrence <= last_ && taken.list.size() < most) {
    auto const& o = recent_[static_cast<std::size_t>(at.occurrence - oldest())];
    bool const visible =
        wish.tenant_id.empty() || o.label == nullptr || o.label->tenant_id == wish.tenant_id;
    if (visible && wanted(o.what.what, at.name) && is_told(o.what, at.name))
      taken.list.push_back(event_of(o, at));
    if (!visible || ++at.name == names_a_piece)
      at = {at.occurrence + 1, 0};
  }
  next = sequence_at(at);
  taken.position = next - 1;
  return taken;
}

void event_feed::serve(caf::event_based_actor* self, subscriber& s) const {
  while (s.next < end() && s.unconfirmed.size() < most_messages_ahead) {
    auto mail = take(s.wish, s.wanted, s.next, most_in_message);
    if (mail.list.empty())
      return;
    s.unconfirmed.push_back(mail.list.back().sequence);
    self->send(s.to, std::move(mail));
  }
}

events event_feed::subscribe(watch_events const& wish, caf::actor const& who) {
  bool const follows = wish.follow && who;
  events first;
  if (follows && !wish.handler.empty()) {
    if (!is_handler_name(wish.handler))
      first.error =
          handler_error("usage", "invalid", wish.handler,
                        "the name is not allowed; expected 1 to 128 of A-Z a-z 0-9 . _ - @ /");
    for (auto const& s : subscribers_)
      if (s.wish.handler == wish.handler && s.wish.tenant_id == wish.tenant_id && s.to != who)
        first.error = handler_error("refused", "conflict", wish.handler,
                                    "the name is taken; expected a name of its own");
    if (first.error)
      return first;
  }
  auto next = start_of(wish);
  wanted_names const wanted{wish.pattern};
  first = take(wish, wanted, next, follows ? most_in_message : most_in_answer);
  first.more = next < end();
  if (follows) {
    forget(who.address());
    auto& s = subscribers_.emplace_back(subscriber{who, wish, wanted, next, {}});
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

std::optional<watch_events> event_feed::forget(caf::actor_addr const& who) {
  std::optional<watch_events> wish;
  std::erase_if(subscribers_, [&](subscriber const& s) {
    if (s.to.address() != who)
      return false;
    wish = s.wish;
    return true;
  });
  return wish;
}

caf::actor event_feed::detach(std::string const& tenant, std::string const& handler) {
  auto const found = std::find_if(subscribers_.begin(), subscribers_.end(), [&](auto const& s) {
    return !handler.empty() && s.wish.handler == handler && s.wish.tenant_id == tenant;
  });
  if (found == subscribers_.end())
    return {};
  auto const who = found->to;
  subscribers_.erase(found);
  return who;
}

namespace {

answer detach(caf::event_based_actor* self, event_feed& feed, feed_settings const& settings,
              detach_reader const& m) {
  auto const who = feed.detach(m.tenant_id, m.handler);
  if (!who)
    return {handler_error("not_found", "unknown_handler", m.handler, "there is none of that name")};
  if (!m.reason.empty())
    self->send(settings.scheduler, reader_failed{m.tenant_id, m.handler, m.reason.substr(0, 1000)});
  events last;
  last.error = error_of("canceled", "detached",
                        "handler " + m.handler + " was detached" +
                            (m.reason.empty() ? "" : ": " + m.reason.substr(0, 1000)));
  self->send(who, std::move(last));
  return {};
}

}  // namespace

caf::behavior event_feed_actor(caf::event_based_actor* self, feed_settings settings) {
  auto const feed = std::make_shared<event_feed>(settings.last_occurrence, settings.trace_seed);
  self->set_down_handler([self, feed, settings](caf::down_msg& down) {
    bool const in_order = down.reason == caf::exit_reason::user_shutdown || !down.reason;
    auto const wish = feed->forget(down.source);
    if (wish && !wish->handler.empty() && !in_order)
      self->send(settings.scheduler,
                 reader_failed{wish->tenant_id, wish->handler, "its process or actor has ended"});
  });
  return {
      [self, feed](occurrences& m) { feed->publish(self, std::move(m.list)); },
      [feed](stage_backends const& m) {
        for (auto const& [stage, backend] : m.list)
          feed->learn_backend(stage, backend);
      },
      [self, feed](watch_events const& m, caf::actor const& who) {
        auto first = feed->subscribe(m, who);
        if (m.follow && who && !first.error)
          self->monitor(who);
        return first;
      },
      [self, feed](events_read const& m) {
        if (auto const sender = self->current_sender())
          feed->confirm(self, caf::actor_cast<caf::actor_addr>(sender), m.sequence);
      },
      [self, feed, settings](detach_reader const& m) { return detach(self, *feed, settings, m); },
  };
}

}  // namespace nsai::actors

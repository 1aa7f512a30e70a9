#pragma once

#include <string>
#include <vector>

#include "scheduling/core_books.hpp"

/// What the books say about a tenant's jobs that want a place.
namespace nsai::scheduling {

/// From now on the tenant has these settings.
void use_settings(core_books& b, tenant_index tenant, tenant_settings const& given);
/// What follows from the tenants' settings for all of them.
void use_tenants(core_books& b);

/// Whether jobs of the tenant and shape may have a turn now.
bool may_have_turn(core_books const& b, tenant_index tenant, shape_index shape);
/// Whether it may have room that is kept or made for it: any of the devices that it asks for.
bool may_have_any_room(core_books const& b, job const& j);
/// The quotas of GPUs by model that the jobs have used up; they may have other models.
std::vector<std::string> models_used_up(core_books const& b, tenant_index tenant, shape const& s);
/// A place without devices of these models, on the node that was registered first. Room that is
/// kept is left alone.
std::optional<place> find_without(core_books& b, shape& s, std::vector<std::string> const& models);

/// What the running attempt of the job holds; empty: nothing.
std::vector<device_grant> devices_held(core_books const& b, job const& j);
/// Counts the devices of the job's attempt for its tenant (sign 1), or no more (-1).
void count_devices(core_books& b, job const& j, std::int64_t sign);
/// What all running attempts hold, counted anew.
void count_devices(core_books const& b, quota_book& to);

}  // namespace nsai::scheduling

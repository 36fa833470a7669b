"""What Valkey decides, each script at once and for all processes, by its own clock."""

ACTIVE_SECONDS = 2
"""For how long a key counts as one that sends events."""

# Times are microseconds since 2023-11-14: small enough for a double to hold fractions of them.
_NOW = """
local t = redis.call('TIME')
local now = (tonumber(t[1]) - 1700000000) * 1000000 + tonumber(t[2])
"""

TAKE = (
    _NOW
    + f"local ACTIVE = {ACTIVE_SECONDS * 1_000_000}\n"
    + """
-- KEYS: n meters, the first of them the tenant's; then, to be fair among keys, the meter of this key's share and
-- the set of keys that send. ARGV: tokens wanted (negative: given back), n, for each meter the microseconds of one
-- token and how many it holds, and the key's name in the set.
-- Answers: tokens granted, microseconds until one can be had, and of the meter that has least: what it holds, what
-- is left, microseconds until it is full.
local wanted, n = tonumber(ARGV[1]), tonumber(ARGV[2])

local function meter(name, interval, burst)
  local full_at = tonumber(redis.call('GET', name) or now)
  full_at = math.min(math.max(full_at, now), now + interval * burst)
  return {name = name, interval = interval, burst = burst, full_at = full_at,
          level = burst - (full_at - now) / interval + 0.000001}
end

local function spend(m, tokens)
  m.full_at = math.min(math.max(m.full_at + tokens * m.interval, now), now + m.interval * m.burst)
  m.level = m.level - tokens
  local left = math.ceil((m.full_at - now) / 1000)
  if left > 0 then redis.call('SET', m.name, string.format('%.3f', m.full_at), 'PX', left)
  else redis.call('DEL', m.name) end
end

local meters = {}
for i = 1, n do meters[i] = meter(KEYS[i], tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])) end
local first, share, reserve = meters[1], nil, 0
if #KEYS > n then
  local senders = KEYS[n + 2]
  redis.call('ZREMRANGEBYSCORE', senders, '-inf', now)
  if wanted > 0 then
    redis.call('ZADD', senders, now + ACTIVE, ARGV[2 * n + 3])
    redis.call('PEXPIRE', senders, ACTIVE / 1000)
  end
  local keys = math.max(1, redis.call('ZCARD', senders))
  share = meter(KEYS[n + 1], first.interval * keys, first.burst / keys)
  reserve = first.burst - first.burst / keys
end

local granted, wait = wanted, 0
if wanted > 0 then
  for i = 1, n do granted = math.min(granted, math.floor(meters[i].level)) end
  if share then
    -- Within its share a key takes whatever there is; beyond it, what is above the shares of the others.
    local within = math.max(0, math.min(granted, math.floor(share.level)))
    local above = math.floor(first.level - within - reserve)
    granted = within + math.max(0, math.min(granted - within, above))
  end
  granted = math.max(0, granted)
  if granted == 0 then
    for i = 1, n do wait = math.max(wait, (1 - meters[i].level) * meters[i].interval) end
    if share then
      local fair = math.min((1 - share.level) * share.interval, (reserve + 1 - first.level) * first.interval)
      wait = math.max(wait, fair)
    end
  end
end

local least = first
if granted ~= 0 then
  for i = 1, n do spend(meters[i], granted) end
  if share then spend(share, granted) end
end
for i = 2, n do if meters[i].level < least.level then least = meters[i] end end
return {granted, math.ceil(wait), least.burst, math.max(0, math.min(least.burst, math.floor(least.level))),
        math.max(0, math.ceil(least.full_at - now))}
"""
)

ACQUIRE = (
    _NOW
    + """
-- KEYS: the leases of the tenant, of the key, of the address; the keys that have or want sessions; of those, the
-- keys that wait; of a session for a customer, the leases of the customer. ARGV: lease, its microseconds, the
-- limits of tenant, key and address (0: none), the key's name; of a session for a customer, the customer's limit.
-- Answers: 0, or which limit refuses (1 tenant, 2 key, 3 address, 4 the tenant's, to be fair, 5 customer); its
-- sessions.
local lease, lasts, name = ARGV[1], tonumber(ARGV[2]), ARGV[6]
local held, limits = {}, {}
for i = 1, 3 do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
  held[i], limits[i] = redis.call('ZCARD', KEYS[i]), tonumber(ARGV[i + 2])
end
for i = 2, 3 do
  if limits[i] > 0 and held[i] >= limits[i] then return {i, held[1]} end
end
if KEYS[6] then
  redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', now)
  local limit = tonumber(ARGV[7])
  if limit > 0 and redis.call('ZCARD', KEYS[6]) >= limit then return {5, held[1]} end
end
for i = 4, 5 do redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now) end
redis.call('ZADD', KEYS[4], now + lasts, name)
local free = limits[1] - held[1]
local share = math.max(1, math.floor(limits[1] / redis.call('ZCARD', KEYS[4])))
local refused = 0
if held[2] < share then
  if free <= 0 then
    redis.call('ZADD', KEYS[5], now + lasts, name)
    refused = 1
  end
else
  redis.call('ZREM', KEYS[5], name)
  if free <= 0 then refused = 1 elseif free <= redis.call('ZCARD', KEYS[5]) then refused = 4 end
end
if refused == 0 then
  for i = 1, 3 do redis.call('ZADD', KEYS[i], now + lasts, lease) end
  if KEYS[6] then redis.call('ZADD', KEYS[6], now + lasts, lease) end
  redis.call('ZREM', KEYS[5], name)
  held[1] = held[1] + 1
end
for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], math.ceil(lasts / 1000)) end
return {refused, held[1]}
"""
)

RENEW = (
    _NOW
    + """
-- KEYS: as in ACQUIRE, without those that wait. ARGV: lease, its microseconds, the key's name.
-- What Valkey has lost it learns again.
local lasts = tonumber(ARGV[2])
for i = 1, 3 do redis.call('ZADD', KEYS[i], now + lasts, ARGV[1]) end
redis.call('ZADD', KEYS[4], now + lasts, ARGV[3])
if KEYS[5] then redis.call('ZADD', KEYS[5], now + lasts, ARGV[1]) end
for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], math.ceil(lasts / 1000)) end
return 1
"""
)

RELEASE = """
-- KEYS: as in ACQUIRE, without those that wait. ARGV: lease, the key's name.
for i = 1, 3 do redis.call('ZREM', KEYS[i], ARGV[1]) end
if KEYS[5] then redis.call('ZREM', KEYS[5], ARGV[1]) end
if redis.call('ZCARD', KEYS[2]) == 0 then redis.call('ZREM', KEYS[4], ARGV[2]) end
return 1
"""

USE = (
    _NOW
    + """
-- KEYS: the leases and the meter of events of a tenant.
-- Answers how many sessions run, and microseconds until the meter is full.
local full_at = tonumber(redis.call('GET', KEYS[2]) or now)
return {redis.call('ZCOUNT', KEYS[1], now, '+inf'), math.max(0, math.ceil(full_at - now))}
"""
)

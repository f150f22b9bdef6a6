-- A batch of conditional writes, all or nothing. KEYS: the unit's, then one for every operation. ARGV: now in
-- microseconds, the unit, the realm, for how many seconds the unit's id is kept, and the operations as JSON. Answers what
-- failed and at which operation; or 'done'. A record that is not there, or is of no use any more, is false.
local now, unit, realm, kept, ops = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], cjson.decode(ARGV[5])
-- A command that writes, so that a server that is no primary refuses even what its conditions would refuse.
if redis.call('EXPIRE', KEYS[1], kept) == 1 then return { 'taken', 0 } end

local records, written, foreign = {}, {}, {}

local function gone(record)
  return record.expires and tonumber(record.expires) <= now
end

local function there(key)
  if records[key] == nil then
    local flat, record = redis.call('HGETALL', key), {}
    for at = 1, #flat, 2 do record[flat[at]] = flat[at + 1] end
    records[key], foreign[key] = record.version and record or false, record.version and record.realm ~= realm
  end
  local record = records[key]
  return record and not gone(record) and record
end

-- Whether the id is taken: in another realm also by a record that has expired and is still kept.
local function taken(key)
  return there(key) or foreign[key]
end

-- The record as this realm sees it.
local function seen(key)
  local record = there(key)
  return record and record.realm == realm and record
end

local function put(key, new, live)
  local record = { version = unit, realm = realm, shape = new.shape, doc = new.doc, expires = new.expires }
  for name, value in pairs(live) do record[name] = value end
  records[key], written[key] = record, true
end

local function live(record)
  local found = {}
  for name, value in pairs(record) do
    if string.sub(name, 1, 5) == 'live:' then found[name] = value end
  end
  return found
end

local verbs = {}

function verbs.insert(key, op)
  if taken(key) then return 'conflict' end
  put(key, op.record, op.record.live)
end

function verbs.replace(key, op)
  local record = seen(key)
  if not record or record.version ~= op.expected then return 'stale' end
  put(key, op.record, live(record))
end

function verbs.remove(key, op)
  local record = seen(key)
  if not record or record.version ~= op.expected then return 'stale' end
  records[key], written[key] = false, true
end

function verbs.guard(key, op)
  local record = seen(key)
  if (record and record.version or nil) ~= op.expected then return 'stale' end
end

function verbs.touch(key, op)
  local record = seen(key)
  if not record or record.version ~= op.expected then return 'stale' end
  record.version, written[key] = unit, true
end

function verbs.add(key, op)
  if not seen(key) then
    if not op.record then return 'stale' end
    if taken(key) then return 'conflict' end
    if gone(op.record) then return 'stale' end
    put(key, op.record, op.record.live)
  end
  local record = records[key]
  local sum = tonumber(record[op.column]) + tonumber(op.by)
  if (op.most and sum > tonumber(op.most)) or (op.least and sum < tonumber(op.least)) then return 'exceeded' end
  record[op.column], written[key] = string.format('%.0f', sum), true
end

function verbs.raise(key, op)
  local record = seen(key)
  if not record then return 'stale' end
  local old, new = tonumber(record[op.column]), tonumber(op.to)
  if op.strictly and old >= new then return 'exceeded' end
  record[op.column], written[key] = string.format('%.0f', math.max(old, new)), true
end

for at, op in ipairs(ops) do
  local failed = verbs[op.verb](KEYS[at + 1], op)
  if failed then return { failed, at } end
end

redis.call('SET', KEYS[1], 'committed', 'EX', kept)
for key in pairs(written) do
  local record = records[key]
  redis.call('DEL', key)
  if record then
    local flat = {}
    for name, value in pairs(record) do
      flat[#flat + 1] = name
      flat[#flat + 1] = value
    end
    redis.call('HSET', key, unpack(flat))
    -- A minute more than it lives: whether it is there is judged by the caller's clock.
    if record.expires then redis.call('PEXPIRE', key, string.format('%.0f', (record.expires - now) / 1000 + 60000)) end
  end
end
return { 'done', 0 }

-- The generic cell rate algorithm, by the server's own clock: the key holds the theoretical arrival time.
-- KEYS: the count. ARGV: milliseconds per unit, milliseconds of tolerance, units, '1' to refuse without
-- counting. Units below zero give back. Answers how many milliseconds to wait, after this was counted;
-- 0 or less means go on. Where it may refuse, 0 means that it was counted.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = due - now - ARGV[2]
if ARGV[4] == '1' and wait > 0 then
    return math.ceil(wait)
end
due = due + ARGV[1] * ARGV[3]
local life = math.ceil(due - now)
if life > 0 then
    redis.call('SET', KEYS[1], string.format('%.3f', due), 'PX', life)
else
    redis.call('UNLINK', KEYS[1])
end
if ARGV[4] == '1' then
    return 0
end
return math.ceil(due - now - ARGV[2])

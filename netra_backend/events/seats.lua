-- Seats of one user's connections, each for a while: a gateway that dies leaves no seat taken for long.
-- KEYS: the seats. ARGV: how many there are, milliseconds that one is kept, connections. Whoever has a
-- seat keeps it. Answers the connections that got none.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local refused = {}
for i = 3, #ARGV do
    if redis.call('ZSCORE', KEYS[1], ARGV[i]) or redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[1]) then
        redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[i])
    else
        refused[#refused + 1] = ARGV[i]
    end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return refused

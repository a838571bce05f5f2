-- Stores live text and publishes it as one step, so that a reader of the text misses no delta.
-- KEYS: text, channel. ARGV: new text, its length in bytes with all before, lifetime in ms, delta.
-- A first text replaces whatever stood there. Answers 0 without publishing when the text before was
-- lost, or is not what the writer thinks.
if #ARGV[1] == tonumber(ARGV[2]) then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
elseif redis.call('APPEND', KEYS[1], ARGV[1]) == tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
else
    return 0
end
redis.call('SPUBLISH', KEYS[2], ARGV[4])
return 1

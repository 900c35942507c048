"""Evaluates a table of expressions with DuckDB and writes `expr.json` beside this file.

Made with duckdb 2.0.0 on Python 3. Run: python tests/oracle/expr.py
Values: floats as shortest text (`nan`, `inf` too), dates as ISO text, timestamps as microseconds.
"""

import datetime
import decimal
import json
import math
import pathlib

import duckdb

COLUMNS = "id BIGINT, i BIGINT, j BIGINT, f DOUBLE, g DOUBLE, s VARCHAR, t VARCHAR, b BOOLEAN, d DATE, e DATE, ts TIMESTAMP"
ROWS = [
    "(0, 7, 2, 2.5, 0.5, 'Abc def', 'b', true, '2024-02-29', '2024-03-01', '2024-02-29 13:45:10.123456')",
    "(1, -7, 3, -2.5, 3, 'naïve', 'x', false, '1969-12-31', '1970-01-01', '1969-12-31 23:59:59.999999')",
    "(2, 0, -4, 0, -1, '', 'é', true, '2023-12-31', '2024-12-30', '2023-12-31 00:00:00')",
    "(3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    "(4, 9007199254740993, 1, 9007199254740992, 1e-5, 'a%b', '%', false, '2000-01-31', '1900-02-28', '2000-01-31 12:00:00')",
    "(5, 12, -1, 'nan', 1, '  pad  ', ' ', true, '2026-01-01', '2025-11-23', '2026-01-01 00:00:01')",
    "(6, 100, 7, 'inf', 2, '42', '4', true, '2024-03-10', '2024-03-04', '2024-03-10 06:07:08.9')",
    "(7, -1, 5, -0.0, 1e300, 'ABC', 'abc', false, '2024-03-03', '2024-03-11', '2024-03-03 23:00:00')",
    "(8, 3, 3, 1234.5678, 12, 'x,y,z', ',', NULL, '2021-07-15', '2021-07-15', '2021-07-15 15:30:00')",
]

EXPRESSIONS = """
i + j
i - j
i * 2
i / j
f / g
i / 0
0 / 0
f / 0
i // j
-7 // 2
7 // -2
i // 0
i % j
i % 0
f % g
mod(-7, 3)
-i
- f
+i
i + f
i * 0.5
2 + 3 * 4
(2 + 3) * 4
10 - 4 - 3
2 * 3 % 4
-i % 5
9223372036854775807 + i
i * 9223372036854775807
abs(i)
abs(f)
abs(-9223372036854775808)
round(f)
round(-f)
round(i)
round(i, -1)
round(f, 2)
round(f, -2)
round(1250, -2)
round(2.5::double)
round(2.675::double, 2)
floor(f)
floor(i)
ceil(f)
ceiling(-f)
trunc(f)
trunc(f, 1)
sqrt(g)
sqrt(i)
ln(g)
ln(0)
log(100)
log(2, 8)
log10(1000)
log2(g)
exp(g)
exp(1)
pow(2, 10)
power(f, 2)
pow(i, 0.5)
i ^ 2
2 * 3 ^ 2
sign(i)
sign(f)
least(i, j)
greatest(i, j, 3)
greatest(i, f)
least(f, g)
greatest(s, t)
least(d, e)
greatest(d, ts)
greatest(null, i)
least(null, null)
greatest(b, true)
isnan(f)
isinf(f)
isfinite(f)
isnan(i)
sin(g)
cos(i)
tan(0.5)
asin(0.5)
acos(0.5)
atan(g)
atan2(i, j)
cbrt(g)
degrees(g)
radians(i)
pi()
i = 7
i <> 7
i != j
i == j
i < j
i <= f
f > g
f >= f
f = 'nan'::double
f > 1e308
f < 'nan'::double
i = f
i = 7.0
s < t
s = 'ABC'
s > 'a'
'a' < 'B'
b = true
b = 1
b < true
d = e
d > '2024-01-01'
d = ts
ts > d
ts >= '2024-02-29'
ts = timestamp '2023-12-31'
i = '7'
f = '2.5'
i = 'abc'
i = null
null = null
d > 5
s > 5
1 < 2 < 3
b and i > 0
b or i > 0
not b
b and null
b or null
not null
i and true
f or false
not i
b = false or s = 'ABC' and i > 0
not b and b
i is null
i is not null
null is null
b is true
b is not true
b is false
b is not false
b is unknown
b is not unknown
i is true
i is distinct from 7
i is not distinct from null
i is distinct from null
f is distinct from 'nan'::double
s is not distinct from t
i in (7, 12)
i in (7, null)
i not in (7, 12)
i not in (7, null)
i in (1, 2.5)
i in (j, 7)
s in ('ABC', 'a%b')
s not in ('ABC', null)
d in ('2024-02-29', '2000-01-31')
f in (0, 2.5)
i in ('7')
b in (true)
null in (1, 2)
i between 0 and 10
i not between 0 and 10
i between null and 3
i not between null and 3
f between -1 and i
d between '2024-01-01' and '2024-12-31'
s between 'A' and 'b'
s like 'A%'
s like '%b%'
s like '_bc%'
s like 'a\\%b'
s like 'a!%b' escape '!'
s not like '%e%'
s ilike 'abc%'
s not ilike 'ABC%'
s like t
s like '%' || t || '%'
s like null
s like ''
s like '%'
'axb' like 'a!%b' escape '!'
's' like 'S' escape 'ab'
i like '7'
case when i > 5 then 1 when i < 0 then -1 else 0 end
case when i > 5 then 1 else 2.5 end
case when i > 5 then 'big' end
case i when 7 then 'x' when 0 then 'y' else s end
case when b then d else ts end
case when b then d else null end
case when i then 1 else 0 end
case when null then 1 else 2 end
case i when null then 1 else 2 end
case when i <> 0 then 10 // i else 0 end
case when b then i else f end
case when b then 1 else s end
coalesce(i, 0)
coalesce(i, f)
coalesce(null, s, 'none')
coalesce(null, null)
coalesce(d, '2024-01-01')
coalesce(i, s)
coalesce(s, 5)
ifnull(f, 0)
nullif(i, 7)
nullif(i, 7.0)
nullif(f, 0)
nullif(s, '')
nullif(i, '7')
nullif(i, null)
f / nullif(i, 0)
if(i > 5, 'a', 'b')
if(b, i, f)
cast(i as double)
cast(i as varchar)
cast(f as varchar)
cast(g as varchar)
cast(b as varchar)
cast(d as varchar)
cast(ts as varchar)
cast(b as integer)
cast(b as double)
cast(i as boolean)
cast(f as boolean)
cast(g as bigint)
try_cast(f as bigint)
cast(f as bigint)
try_cast(i as integer)
cast(i as integer)
try_cast(i as tinyint)
300::tinyint
try_cast(s as integer)
cast(s as integer)
try_cast(s as double)
try_cast(t as bigint)
cast('12' as integer)
cast('12.7' as integer)
cast('-2.5' as integer)
cast(' 12 ' as integer)
cast('1e3' as bigint)
cast('0x1F' as bigint)
cast('1_000' as bigint)
cast('1__0' as bigint)
cast('' as integer)
cast('abc' as integer)
cast('12abc' as integer)
cast('9223372036854775807.4' as bigint)
cast('9223372036854775808' as bigint)
cast(2.5::double as integer)
cast(3.5::double as integer)
cast(-2.5::double as integer)
cast(1e30 as bigint)
cast('1e3' as double)
cast('inf' as double)
cast('nan' as double)
cast('1.5f' as double)
cast('5.' as double)
cast('true' as boolean)
cast('T' as boolean)
cast('yes' as boolean)
cast('0' as boolean)
cast('on' as boolean)
cast('2024-01-05' as date)
cast('2024-1-5' as date)
cast('2024/01/05' as date)
cast('05-01-2024' as date)
cast('2024-13-05' as date)
cast(' 2024-01-05 ' as date)
cast('2024-01-05 10:00:00' as date)
cast('2024-01-05x' as date)
cast('2024-01-05 10:11:12.5' as timestamp)
cast('2024-01-05T10:11:12Z' as timestamp)
cast('2024-01-05T10:11:12+02:00' as timestamp)
cast('2024-01-05 10:11' as timestamp)
cast('2024-01-05 10' as timestamp)
cast('2024-01-05 24:00:00' as timestamp)
cast('2024-01-05 25:00:00' as timestamp)
cast(ts as date)
cast(d as timestamp)
cast(d as integer)
cast(i as date)
try_cast(s as date)
s::varchar
i::double
i::text
'7'::int + 1
f::decimal(10, 1)
try_cast(g as decimal(10, 2))
date '2024-02-29'
date '2024-02-30'
timestamp '2024-01-01 12:00:00'
timestamp '2024-01-01'
1e3
1.5
.5
1_000
'it''s'
true
null
lower(s)
upper(s)
upper('straße')
lower('ΑΣ')
length(s)
length('naïve')
strlen(s)
trim(s)
ltrim(s)
rtrim(s)
trim(s, 'Ab')
trim(both ' p' from s)
trim(leading ' ' from s)
substr(s, 2, 3)
substr(s, 0, 3)
substr(s, -3, 2)
substr(s, 3)
substr(s, -3)
substr(s, 3, -2)
substr(s, 100)
substring(s from 2 for 3)
substring(s, i, j)
replace(s, 'b', 'X')
replace(s, '', 'X')
contains(s, t)
starts_with(s, 'A')
ends_with(s, 'f')
prefix(s, t)
suffix(s, '')
s || t
s || i
s || '-' || d
i || j
s || null
'a' || 1 + 2
concat(s, '/', i, null, b)
concat(f)
concat_ws('-', s, t, null)
concat_ws(null, s)
left(s, 2)
left(s, -2)
left(s, i)
right(s, 2)
right(s, -2)
split_part('a,b,c', ',', 2)
split_part(s, ',', -1)
split_part(s, ',', 9)
split_part('abc', '', 2)
strpos(s, t)
instr(s, 'zzz')
position('def' in s)
strpos(s, '')
lpad(t, 4, '0')
lpad(s, 3, '*')
lpad(t, 3, '')
rpad(t, 4, 'ab')
repeat(t, 3)
repeat(t, -1)
reverse(s)
ascii(s)
chr(233)
regexp_matches(s, '^A.*f$')
regexp_matches(s, 'B', 'i')
regexp_matches(s, '(')
regexp_full_match(s, '[a-zA-Z]+')
regexp_extract(s, '[a-z]+')
regexp_extract('a1b2', '([a-z])([0-9])', 2)
regexp_replace(s, '[a-c]', 'X')
date_diff('day', d, e)
date_diff('week', d, e)
date_diff('month', d, e)
date_diff('quarter', d, e)
date_diff('year', d, e)
date_diff('decade', d, e)
date_diff('isoyear', d, e)
date_diff('hour', ts, e)
date_diff('minute', e, ts)
date_diff('second', ts, timestamp '2024-03-01 00:00:00')
date_diff('millisecond', ts, timestamp '2024-03-01 00:00:00')
date_diff('week', ts, timestamp '2024-03-10 01:00:00')
date_diff('day', ts, timestamp '2024-03-10 01:00:00')
date_diff('day', '2024-01-01', d)
date_diff('DAYS', d, date '2026-01-01')
date_diff('foo', d, e)
datediff('month', e, d)
date_diff('day', d, date '2026-01-01') / 365.25
date_sub('day', d, e)
date_sub('week', d, e)
date_sub('month', d, e)
date_sub('quarter', d, e)
date_sub('year', d, e)
date_sub('hour', ts, e)
datesub('month', date '2024-01-31', d)
date_sub('month', ts, timestamp '2024-05-31 12:00:00')
date_part('year', d)
date_part('month', ts)
date_part('epoch', ts)
date_part('dow', d)
date_part('isodow', d)
date_part('doy', d)
date_part('week', d)
date_part('isoyear', e)
date_part('yearweek', d)
date_part('decade', d)
date_part('century', d)
date_part('quarter', ts)
date_part('milliseconds', ts)
date_part('foo', d)
extract(year from d)
extract(second from ts)
extract(epoch from d)
year(d)
month(ts)
day(d)
hour(ts)
hour(d)
minute(ts)
second(ts)
millisecond(ts)
microsecond(ts)
quarter(d)
dayofweek(d)
weekday(d)
isodow(d)
dayofyear(d)
week(e)
weekofyear(d)
yearweek(d)
epoch(d)
epoch(ts)
epoch_ms(ts)
date_trunc('year', d)
date_trunc('quarter', d)
date_trunc('month', d)
date_trunc('week', d)
date_trunc('day', ts)
date_trunc('hour', ts)
date_trunc('minute', ts)
date_trunc('second', ts)
date_trunc('decade', d)
date_trunc('isoyear', e)
last_day(d)
last_day(ts)
make_date(2024, 2, 29)
make_date(2024, 2, 30)
make_date(year(d), month(d), 1)
strftime(d, '%Y-%m')
strftime(ts, '%d/%m/%y %H:%M:%S.%f %I %p')
strftime(ts, '%a %A %b %B %j %u %w %-d.%-m.')
strptime('05/01/2024', '%d/%m/%Y')
strptime('5 Jan 24 3:04 PM', '%d %b %y %I:%M %p')
strptime('2024-01-05', '%d/%m/%Y')
try_strptime(s, '%Y')
dayname(d)
monthname(d)
d + 1
1 + d
d - 1
d - e
d - date '2024-01-01'
d + i
ts - ts > interval 10 days
ts - timestamp '2024-01-01' > interval 10 days
epoch(ts - timestamp '2024-01-01')
d + interval 1 month
d - interval '1 year'
d + interval '1 month 2 days'
ts + interval 3 hours
ts - interval '1:30:00'
date '2024-01-31' + interval 1 month
d + interval (j) month
d + to_days(3)
d * 2
d + d
d + 1.5
b + 1
s + 1
-s
abs(s)
length(5)
year(s)
sum(i)
foo(i)
nope + 1
i::foo
1 + null is null
i + 1 is null
s || i is null
i = 7 is true
not i is null
not i = 7
i + 1 in (8)
s || 'x' like '%x'
s || 'x' in ('Abc defx')
i between 1 and 3 + 10
i * 2 between 1 and 20
i < 8 and f > 1 or b
not b or b
i = 7 = true
- i ^ 2
-2 ^ 2
2 ^ 3 ^ 2
i % 4 * 2
7 // 2 * 2
2 + 3 || 'x'
'x' || 2 + 3
'x' || 2 * 3
1 < 2 is true
i is null = false
i is not null and b
s like 'A%' and b
s like 'A%' = true
i in (7) = true
i in (7) is true
i between 1 and 10 is true
i::double / 2
-i::varchar
- 7 % 4
not b is null
case when b then 1 end + 1
i is distinct from 7 = false
i is distinct from 7 or b
b = b is true
1 - 2 - 3
i - -1
d + 1 = date '2024-03-01'
d - e < 5
s || s = 'x'
s > 'a' || 'b'
i not in (1) and b
b = not b
i = -7
+i + +1
i is distinct from 7 and b
b is not distinct from i > 0 and f > 0
- f ^ 2
i - - j
-i ^ 2 * 3
2 ^ -1
not b is distinct from true or i > 5
i +
(i
'abc
"i" + 1
I + J
"i"
i; j
case when i > 0 then 1
i in ()
abs()
abs(1, 2)
round(1, 2, 3)
(select 1)
"""


def plain(value):
    if isinstance(value, decimal.Decimal):
        value = float(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "nan"
        return repr(value)
    if isinstance(value, datetime.datetime):
        return (value - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


KINDS = {"BIGINT": "int", "INTEGER": "int", "TINYINT": "int", "SMALLINT": "int", "HUGEINT": "int",
         '"NULL"': "int", "DOUBLE": "float", "FLOAT": "float", "VARCHAR": "text", "BOOLEAN": "bool",
         "DATE": "date", "TIMESTAMP": "timestamp"}


def main():
    db = duckdb.connect()
    db.execute(f"CREATE TABLE data ({COLUMNS})")
    db.execute(f"INSERT INTO data VALUES {', '.join(ROWS)}")
    cases = []
    for expression in filter(None, EXPRESSIONS.splitlines()):
        try:
            kind = db.execute(f"SELECT typeof({expression}) FROM data LIMIT 1").fetchone()[0]
            rows = db.execute(f"SELECT {expression} FROM data ORDER BY id").fetchall()
        except duckdb.Error:
            cases.append({"expr": expression, "error": True})
            continue
        kind = "float" if kind.startswith("DECIMAL") else KINDS[kind]
        values = [plain(row[0]) for row in rows]
        cases.append({"expr": expression, "type": kind, "values": values})
    table = [[plain(v) for v in row] for row in db.execute("SELECT * FROM data ORDER BY id").fetchall()]
    document = {"duckdb": duckdb.__version__, "columns": COLUMNS, "rows": table, "cases": cases}
    lines = json.dumps(document, ensure_ascii=False).replace('{"expr"', '\n{"expr"')
    pathlib.Path(__file__).with_name("expr.json").write_text(lines + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

# The built-in functions that are written in jq. Each is parsed when a program first calls it.
def select(f): if f then . else empty end;
def map(f): [.[] | f];
def map_values(f): .[] |= f;
def recurse(f): def r: ., (f | r); r;
def recurse(f; condition): def r: ., (f | select(condition) | r); r;
def values: select(. != null);
def nulls: select(. == null);
def booleans: select(type == "boolean");
def numbers: select(type == "number");
def strings: select(type == "string");
def arrays: select(type == "array");
def objects: select(type == "object");
def iterables: select(type | . == "array" or . == "object");
def scalars: select(type | . != "array" and . != "object");
def isfinite: type == "number" and (isinfinite | not);
def finites: select(isinfinite or isnan | not);
def normals: select(isnormal);
def with_entries(f): to_entries | map(f) | from_entries;
def del(f): delpaths([path(f)]);
def paths: path(..) | select(length > 0);
def paths(f): . as $dot | paths | select(. as $p | $dot | getpath($p) | f);
def leaf_paths: paths(scalars);
def pick(f): . as $dot | reduce path(f) as $p (null; setpath($p; $dot | getpath($p)));
def add: reduce .[] as $x (null; . + $x);
def add(f): reduce f as $x (null; . + $x);
def any: any(.[]; .);
def any(f): any(.[]; f);
def any(g; condition): isempty(first(g | condition | if . then . else empty end)) | not;
def all: all(.[]; .);
def all(f): all(.[]; f);
def all(g; condition): isempty(first(g | condition | if . then empty else . end));
def in(xs): . as $x | xs | has($x);
def inside(xs): . as $x | xs | contains($x);
def while(condition; update): def _while: if condition then ., (update | _while) else empty end; _while;
def until(condition; update): def _until: if condition then . else (update | _until) end; _until;
def repeat(f): def _repeat: f, _repeat; _repeat;
def first: .[0];
def last: .[-1];
def nth($n): .[$n];
def nth($n; f): if $n < 0 then error("nth doesn't support negative indices") else first(skip($n; f)) end;
def join($separator): _join($separator);
def sort_by(f): _sort_by([.[] | [f]]);
def group_by(f): _group_by([.[] | [f]]);
def unique_by(f): _unique_by([.[] | [f]]);
def min_by(f): _min_by([.[] | [f]]);
def max_by(f): _max_by([.[] | [f]]);
def walk(f): def w: if type == "object" then map_values(w) elif type == "array" then map(w) else . end | f; w;
def tostream: _tostream[];
def fromstream(f): {x: null, e: false} as $init
  | foreach f as $i ($init;
      if .e then $init else . end
      | if $i | length == 2
        then setpath(["e"]; $i[0] | length == 0) | setpath(["x"] + $i[0]; $i[1])
        else setpath(["e"]; $i[0] | length == 1) end;
      if .e then .x else empty end);
def truncate_stream(stream): . as $n | null | stream | . as $input
  | if (.[0] | length) > $n then setpath([0]; .[0][$n:]) else empty end;
def combinations:
  if length == 0 then [] else .[0][] as $x | (.[1:] | combinations) as $w | [$x] + $w end;
def combinations(n): . as $dot | [range(n)] | map($dot) | combinations;
def match($re): _match($re; null)[];
def match($re; $flags): _match($re; $flags)[];
def test($re): _test($re; null);
def test($re; $flags): _test($re; $flags);
def capture($re): _capture($re; null)[];
def capture($re; $flags): _capture($re; $flags)[];
def scan($re): _scan($re; null)[];
def scan($re; $flags): _scan($re; $flags)[];
def splits($re): split($re; null)[];
def splits($re; $flags): split($re; $flags)[];
def sub($re; f): _sub($re; f; null; false);
def sub($re; f; $flags): _sub($re; f; $flags; false);
def gsub($re; f): _sub($re; f; null; true);
def gsub($re; f; $flags): _sub($re; f; $flags; true);
def _sub($re; f; $flags; $all): _edits($re; $flags; $all) as $edits
  | if $edits == [] then . else _replaced($edits; [$edits[][2] | [f]])[] end;
def ascii: [.] | implode;
def INDEX(stream; f): reduce stream as $row ({}; .[$row | f | tostring] |= $row);
def INDEX(f): INDEX(.[]; f);
def IN(s): any(s == .; .);
def IN(source; s): any(source == s; .);
def JOIN($index; f): [.[] | [., $index[f]]];
def JOIN($index; stream; f): stream | [., $index[f]];
def JOIN($index; stream; f; join): stream | [., $index[f]] | join;
def dateadd(unit; n): . + n;
def datesub(unit; n): . - n;
def date: todate;
def isvalid(f): try (f | true) catch false;

package inidoc_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fbpeer/internal/inidoc"
	"fbpeer/internal/testenv"
)

// reading is what configparser says of one text: its sections with their items in order, or the name of what it raised.
type reading struct {
	Sections [][2]json.RawMessage `json:"sections"`
	Error    string               `json:"error"`
}

const readAll = `
import configparser, io, json, sys, tempfile, os
texts = json.load(sys.stdin)
out = []
for text in texts:
    with tempfile.NamedTemporaryFile("w", newline="", encoding="utf-8", delete=False) as f:
        f.write(text)
    try:
        cp = configparser.ConfigParser()
        cp.read(f.name, encoding="utf-8")
        out.append({"sections": [[s, cp.items(s)] for s in cp.sections()], "error": ""})
    except configparser.Error as e:
        out.append({"sections": [], "error": type(e).__name__})
    finally:
        os.unlink(f.name)
json.dump(out, sys.stdout)
`

// configparser has the real one read the texts.
func configparser(t *testing.T, texts []string) []reading {
	t.Helper()
	python := testenv.NeedProgram(t, "python3")
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", readAll)
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(in)), os.Stderr
	answer, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var out []reading
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// compare fails if inidoc and configparser differ on a text.
func compare(t *testing.T, texts []string) (accepted int) {
	t.Helper()
	for i, want := range configparser(t, texts) {
		doc, err := inidoc.Parse("f.ini", []byte(texts[i]), inidoc.Python)
		switch {
		case err != nil && want.Error == "":
			t.Errorf("%q: configparser reads it, we say %v", texts[i], err)
		case err == nil && want.Error != "":
			t.Errorf("%q: configparser raises %s, we read %s", texts[i], want.Error, dump(doc))
		case err == nil:
			accepted++
			compareValues(t, texts[i], doc, want)
		}
	}
	return accepted
}

func compareValues(t *testing.T, text string, doc *inidoc.Document, want reading) {
	t.Helper()
	if len(doc.Sections()) != len(want.Sections) {
		t.Errorf("%q: sections %q, configparser has %d", text, doc.Sections(), len(want.Sections))
		return
	}
	for i, section := range doc.Sections() {
		var name string
		var items [][2]string
		if json.Unmarshal(want.Sections[i][0], &name) != nil || json.Unmarshal(want.Sections[i][1], &items) != nil {
			t.Fatalf("unexpected answer %s", want.Sections[i])
		}
		if name != section || len(items) != len(doc.Keys(section)) {
			t.Errorf("%q: [%s] %q, configparser has [%s] %q", text, section, doc.Keys(section), name, items)
			continue
		}
		for _, item := range items {
			if got, ok := doc.Get(section, item[0]); !ok || got != item[1] {
				t.Errorf("%q: [%s] %s = %q, configparser has %q", text, section, item[0], got, item[1])
			}
		}
	}
}

func TestPythonFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.ini")
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures", err)
	}
	var texts []string
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	if n := compare(t, texts); n != len(files) {
		t.Errorf("%d of %d fixtures were read", n, len(files))
	}
}

// pythonTexts are cases that ini.v1 or a careless reader gets wrong.
var pythonTexts = []string{
	"", "; c\n", "[a]\n", "k = v\n", "\ufeff[a]\nk = v\n", "[a]\nK = v\nk2: w\n", "[a]\nk = v ; w # x\n", "[a]\nk = \"a\"\n",
	"[a]\nk = \"\"\"a\n", "[a]\nk = `a\nl = `\n", "[a]\nk = a\\\nl = b\n", "[a]\n- = 1\n", "[a]\n- = 1\n- = 2\n", "[a]\n\"k\" = 1\n",
	"[a]\nk = 1\nK = 2\n", "[a]\n[a]\n", "[a]\n[A]\n", "[a] trailing\nk = 1\n", "[a]b]\nk=1\n", "[]\n", "[x = 1\n", "[a]\n[x = 1\n",
	"[a]\nk\n", "[a]\n= v\n", "[a]\nk =\n", "[a]\nk = 1\n  2\n\n  3\n\n\n[b]\n", "[a]\nk = 1\n  2\n; c\n  3\n", "[a]\nk = 1\n  [b]\n",
	"[a]\nk =\n  l = 1\nm = 2\n", "  [a]\n    k = 1\n   l = 2\n  m = 3\n", "[a]\n  k = 1\nl = 2\n", "[a]\n\tk = 1\n\t\t2\n",
	"[DEFAULT]\nx = 1\n[a]\ny = %(x)s%(X)s\n", "[DEFAULT]\nx = %(y)s\n[a]\ny = 1\n[b]\ny = 2\n", "[DEFAULT]\nx = %(y)s\n[a]\ny = 1\n[b]\n",
	"[DEFAULT]\nx = 1\n[DEFAULT]\ny = 2\n[a]\n", "[DEFAULT]\nx = 1\n[DEFAULT]\nx = 2\n[a]\n", "[DEFAULT]\nx = 1\n[a]\nx = 2\n",
	"[default]\nx = 1\n[a]\n", "[a]\nk = 100%%\n", "[a]\nk = 100%\n", "[a]\nk = %x\n", "[a]\nk = %(x\n", "[a]\nk = %()s\n", "[a]\nk = %(l)d\nl=1\n",
	"[a]\nk = %(k)s\n", "[a]\nk = %(l)s\nl = %(k)s\n", "[a]\nk = %(l)s\nl = 50%%\n", "[a]\nk = a%(l)sb%%(l)s\nl = ; x\n",
	"[a]\r\nk = 1\r\n", "[a]\rk = 1\rl = 2", "[a]\nk = 1\r\r\n  2\n", "[a]\nk\u00a0=\u00a0v\u00a0\n", "[a]\nk = \x1fv\x1c\n", "[a]\nk = a\tb\n",
	"[a.b]\nk = 1\n[a]\nl = 2\n", "[a]\nk = v = w : x\n", "[a]\nk : v = w\n", "[ a ]\nk = 1\n", "[a]\nk=1", "[a]\n#k = 1\n ;l = 2\n",
	"[a]\nsecure_aggregation = True\nÄ = 1\n",
}

func TestPythonCases(t *testing.T) {
	compare(t, pythonTexts)
}

// TestPythonRandom compares on random texts made of the characters that matter.
func TestPythonRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"[a]", "[b]", "[DEFAULT]", "k", "L", "l", "=", ":", " ", "  ", "\t", "\n", "\n", "\n", "\r\n", "\r", ";", "#", "%%", "%",
		"%(k)s", "%(l)s", "\"", "`", "\"\"\"", "\\", "-", "[", "]", "v", "k = 1\n", "\nl = 2\n", "\n  3"}
	texts := make([]string, 4000)
	for i := range texts {
		var b strings.Builder
		if random.IntN(4) > 0 {
			b.WriteString("[a]\n")
		}
		for range random.IntN(14) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		texts[i] = b.String()
	}
	if n := compare(t, texts); n < 500 {
		t.Errorf("only %d of the random texts were read", n)
	}
}

func TestPythonErrorsNameLineAndCure(t *testing.T) {
	tests := []struct{ text, want string }{
		{"\ufeff[a]\n", "f.ini:1: the file begins with a byte order mark: save it as UTF-8 without one"},
		{"[a]\nk = 1\nK = 2\n", `f.ini:3: "k" stands twice in [a], first in line 2: keep one`},
		{"[a]\n\n[a]\n", "f.ini:3: section [a] stands twice, first in line 1: keep one"},
		{"\nk = 1\n", `f.ini:2: "k = 1" stands above the first [section]`},
		{"[a]\nk = 1\nl = %(m)s\n", "f.ini:3: [a] l: %(m)s names an option that neither this section nor [DEFAULT] has (write %% for a percent sign)"},
		{"[a]\nk = 5%\n", `f.ini:2: [a] k: "%" is not an interpolation: %% or %(name)s (write %% for a percent sign)`},
		{"[a]\nk = %(k)s\n", "f.ini:2: [a] k: interpolation is more than 10 deep (write %% for a percent sign)"},
		{"[a]\nk\n", `f.ini:2: "k" has neither = nor :`},
	}
	for _, tt := range tests {
		if _, err := inidoc.Parse("f.ini", []byte(tt.text), inidoc.Python); err == nil || err.Error() != tt.want {
			t.Errorf("%q:\n got %v\nwant %v", tt.text, err, tt.want)
		}
	}
}

func TestPythonInterpolationIsBounded(t *testing.T) {
	text := "[a]\nk0 = " + strings.Repeat("x", 100) + "\n"
	for i := 1; i < 10; i++ {
		name := string(rune('0' + i - 1))
		text += "k" + string(rune('0'+i)) + " = " + strings.Repeat("%(k"+name+")s", 10) + "\n"
	}
	if _, err := inidoc.Parse("f.ini", []byte(text), inidoc.Python); err == nil || !strings.Contains(err.Error(), "longer than 65536 bytes") {
		t.Errorf("got %v", err)
	}
}

func TestPythonEdits(t *testing.T) {
	text := "[mpspdz]\nmpspdz_ip = localhost\n; port\nMPSPDZ_PORT: 1\n  2\n\n[b]\n"
	doc := parse(t, text, inidoc.Python)
	got, err := doc.Set("mpspdz", "mpspdz_port", "50%")
	if want := "[mpspdz]\nmpspdz_ip = localhost\n; port\nMPSPDZ_PORT: 50%%\n\n[b]\n"; err != nil || string(got.Bytes()) != want {
		t.Errorf("got %q, %v", got.Bytes(), err)
	}
	if got, err = doc.DeleteKey("mpspdz", "Mpspdz_Port"); err != nil || strings.Contains(string(got.Bytes()), "2") {
		t.Errorf("got %q, %v", got.Bytes(), err)
	}
	indented := parse(t, "[a]\n    [b]\n", inidoc.Python)
	if got, err := indented.Set("a", "k", "v"); err == nil {
		t.Errorf("a key that would swallow the next section was set: %q", got.Bytes())
	}
}

package probe

import (
	"testing"
)

func TestAllOK(t *testing.T) {
	t.Parallel()
	s := fedbiomedScene(t, form{}, form{}, form{})
	cells := coordinate(t, s.agents())
	if len(cells) != 6 {
		t.Fatalf("%d cells", len(cells))
	}
	for pair, c := range cells {
		t.Logf("%s: %+v", pair, c)
		if c.Code != OK || c.Text != "" || c.Cure != "" || c.Age != 0 || c.Took <= 0 {
			t.Errorf("%s: %+v", pair, c)
		}
	}
}

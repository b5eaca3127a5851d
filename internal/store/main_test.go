package store_test

import (
	"testing"

	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

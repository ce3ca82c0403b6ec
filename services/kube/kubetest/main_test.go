package kubetest_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"kube-node-manager/services/kube/kubetest"
)

func TestMain(m *testing.M) {
	os.Exit(kubetest.Main(m, func() error { return goleak.Find() }))
}

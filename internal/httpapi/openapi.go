package httpapi

import (
	_ "embed"
	"fmt"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed openapi.yaml
var openAPISource []byte

// OpenAPI is the description of the Backend API, an OpenAPI 3.0.3 document as JSON.
func OpenAPI() []byte { return openAPI() }

var openAPI = sync.OnceValue(func() []byte {
	document, err := yaml.YAMLToJSON(openAPISource)
	if err != nil {
		panic(fmt.Sprintf("openapi.yaml: %v", err)) // it is part of the program, and tested
	}
	return document
})

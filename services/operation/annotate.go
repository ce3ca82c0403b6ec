package operation

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
	"kube-node-manager/services/form"
	"kube-node-manager/services/node"
)

// PageAnnotations is the page of annotations.
const PageAnnotations Page = "annotations"

// maxAnnotations is how many bytes the annotations of one request may have: every
// node of the batch records them. The API server's own limit is 256 KiB a node.
const maxAnnotations = 16 << 10

func annotateDefinition() Definition {
	return Define(Spec[KeyParams]{
		Traits: Traits{
			Name: Annotate, Permit: services.PermitChange, Page: PageAnnotations, Edits: true,
			Fields:   []string{"mode", "overwrite", "annotation"},
			CacheLog: func(bool) string { return "annotation update" },
		},
		Read: readAnnotations,
		Make: func(p KeyParams, m Meta) Operation {
			return keyed{KeyParams: p, part: annotationPart(), protect: m.Protect}
		},
	})
}

func annotationPart() keyedPart {
	return keyedPart{
		field: "annotation", none: "error_annotations_none", exists: "error_annotation_exists",
		split: Lines, parse: ParseAnnotation, protected: Protection.Annotation,
		values: func(n *node.Node) map[string]string { return n.Annotations },
		state:  func(values map[string]*string) change.State { return change.State{Annotations: values} },
	}
}

func readAnnotations(r *form.Reader) KeyParams {
	p := annotationPart().read(r)
	size := 0
	for key, value := range p.Set {
		size += len(key) + len(value)
	}
	if size > maxAnnotations {
		r.Refuse("annotation", "error_annotations_large", "Max", maxAnnotations>>10)
	}
	return p
}

// Annotation reports whether the annotation of that key is protected. Those that
// explain a cordon belong to it.
func (p Protection) Annotation(key string) bool {
	return slices.Contains(node.CordonAnnotations(), key) || p.covers(key)
}

// ParseAnnotation reads kubectl's forms "key=value" and, to remove, "key-". A bare
// "key" is a key without a value, which only a removal can mean. A value may hold
// anything but line ends, which separate entries.
//
// Errors: CodeInvalid names the field "annotation".
func ParseAnnotation(text string) (key, value string, how Form, err error) {
	key, value, how = splitEntry(text)
	// The API server compares the keys of annotations in lower case.
	if len(validation.IsQualifiedName(strings.ToLower(key))) > 0 {
		err = services.Invalid("annotation", "error_entry_key", "Entry", services.Clip(text), "Key", services.Clip(key))
	} else if strings.ContainsAny(value, "\r\n") {
		err = services.Invalid("annotation", "error_annotation_lines", "Key", services.Clip(key))
	}
	return key, value, how, err
}

// Lines splits the values of a form's field into single entries, one a line:
// unlike labels, the values of annotations have blanks and commas.
func Lines(values []string) []string {
	var out []string
	for _, v := range values {
		for line := range strings.Lines(v) {
			line = strings.TrimSpace(line)
			if line != "" {
				out = append(out, line)
			}
		}
	}
	return out
}

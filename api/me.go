package api

import "encoding/json"

// UpdateMe changes what is present. An empty value clears what can be empty.
type UpdateMe struct {
	FirstName             Field[string]          `json:"first_name,omitzero"`
	LastName              Field[string]          `json:"last_name,omitzero"`
	Username              Field[string]          `json:"username,omitzero"`
	PrimaryEmailAddressID Field[string]          `json:"primary_email_address_id,omitzero"`
	UnsafeMetadata        Field[json.RawMessage] `json:"unsafe_metadata,omitzero"` // replaces it
}

// EmptyClears marks requests whose empty values clear what they name.
func (UpdateMe) EmptyClears() {}

// MergeMyMetadata merges an object into the user's own (RFC 7396).
type MergeMyMetadata struct {
	UnsafeMetadata Field[json.RawMessage] `json:"unsafe_metadata,omitzero"`
}

// ChangePassword gives the user another password.
type ChangePassword struct {
	CurrentPassword        Field[string] `json:"current_password,omitzero"` // required of who has one
	NewPassword            Field[string] `json:"new_password,omitzero"`
	SignOutOfOtherSessions Field[bool]   `json:"sign_out_of_other_sessions,omitzero"`
}

// RemoveMyPassword takes the user's password away.
type RemoveMyPassword struct {
	CurrentPassword Field[string] `json:"current_password,omitzero"`
}

// AddMyEmailAddress adds an address, which is still to be verified.
type AddMyEmailAddress struct {
	EmailAddress Field[string] `json:"email_address,omitzero"`
}

// PrepareMyEmailAddress mails a code to an address.
type PrepareMyEmailAddress struct {
	EmailAddressRef
	Strategy Field[string] `json:"strategy,omitzero"`
}

// AttemptMyEmailAddress verifies an address with the code.
type AttemptMyEmailAddress struct {
	EmailAddressRef
	Code Field[string] `json:"code,omitzero"`
}

// Memberships are the organizations of a user, of which there are none here.
type Memberships struct {
	Data       []json.RawMessage `json:"data"`
	TotalCount int64             `json:"total_count"`
}
